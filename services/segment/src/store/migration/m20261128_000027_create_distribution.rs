//! Makes the table `distribution`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Distribution::Table)
            .col(ColumnDef::new(Distribution::Tenant).string().not_null())
            .col(ColumnDef::new(Distribution::OwnerId).string().not_null())
            .col(ColumnDef::new(Distribution::Version).big_integer().not_null())
            .col(ColumnDef::new(Distribution::Feature).string().not_null())
            .col(ColumnDef::new(Distribution::Payload).blob().not_null())
            .primary_key(
                Index::create()
                    .col(Distribution::Tenant)
                    .col(Distribution::OwnerId)
                    .col(Distribution::Version)
                    .col(Distribution::Feature),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Distribution::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Distribution {
    Table,
    Tenant,
    OwnerId,
    Version,
    Feature,
    Payload,
}
