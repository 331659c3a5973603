//! Makes the table `dataset`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Dataset::Table)
            .col(ColumnDef::new(Dataset::Tenant).string().not_null())
            .col(ColumnDef::new(Dataset::DatasetId).string().not_null())
            .col(ColumnDef::new(Dataset::RequestId).string().not_null())
            .col(ColumnDef::new(Dataset::Maker).string().not_null())
            .col(ColumnDef::new(Dataset::Sealed).boolean().not_null())
            .col(ColumnDef::new(Dataset::RowCount).big_integer().not_null())
            .col(ColumnDef::new(Dataset::Positives).big_integer().not_null())
            .col(ColumnDef::new(Dataset::Treated).big_integer().not_null())
            .col(ColumnDef::new(Dataset::Control).big_integer().not_null())
            .col(ColumnDef::new(Dataset::Payload).blob().not_null())
            .primary_key(Index::create().col(Dataset::Tenant).col(Dataset::DatasetId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("dataset_request").table(Dataset::Table).col(Dataset::Tenant).col(Dataset::RequestId).unique();
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Dataset::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Dataset {
    Table,
    Tenant,
    DatasetId,
    RequestId,
    Maker,
    Sealed,
    RowCount,
    Positives,
    Treated,
    Control,
    Payload,
}
