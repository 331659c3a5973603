//! Creates table `review`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Reviews::Table)
            .col(ColumnDef::new(Reviews::Tenant).string().not_null())
            .col(ColumnDef::new(Reviews::ReviewId).string().not_null())
            .col(ColumnDef::new(Reviews::RequestId).string().not_null())
            .col(ColumnDef::new(Reviews::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Reviews::Body).binary().not_null())
            .primary_key(Index::create().col(Reviews::Tenant).col(Reviews::ReviewId))
            .to_owned();
        manager.create_table(table).await?;
        let request = Index::create()
            .name("review_request")
            .table(Reviews::Table)
            .col(Reviews::Tenant)
            .col(Reviews::RequestId)
            .unique()
            .to_owned();
        manager.create_index(request).await?;
        let newest = Index::create()
            .name("review_newest")
            .table(Reviews::Table)
            .col(Reviews::Tenant)
            .col(Reviews::CreateTime)
            .col(Reviews::ReviewId)
            .to_owned();
        manager.create_index(newest).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Reviews::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Reviews {
    #[sea_orm(iden = "review")]
    Table,
    Tenant,
    ReviewId,
    RequestId,
    CreateTime,
    Body,
}
