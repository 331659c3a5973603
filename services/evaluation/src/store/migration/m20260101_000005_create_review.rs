//! Creates table `review`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Review::Table)
            .col(ColumnDef::new(Review::Tenant).string().not_null())
            .col(ColumnDef::new(Review::ReviewId).string().not_null())
            .col(ColumnDef::new(Review::RequestId).string().not_null())
            .col(ColumnDef::new(Review::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Review::Body).binary().not_null())
            .primary_key(Index::create().col(Review::Tenant).col(Review::ReviewId))
            .to_owned();
        manager.create_table(table).await?;
        let request = Index::create()
            .name("review_request")
            .table(Review::Table)
            .col(Review::Tenant)
            .col(Review::RequestId)
            .unique()
            .to_owned();
        manager.create_index(request).await?;
        let newest = Index::create()
            .name("review_newest")
            .table(Review::Table)
            .col(Review::Tenant)
            .col(Review::CreateTime)
            .col(Review::ReviewId)
            .to_owned();
        manager.create_index(newest).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Review::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Review {
    Table,
    Tenant,
    ReviewId,
    RequestId,
    CreateTime,
    Body,
}
