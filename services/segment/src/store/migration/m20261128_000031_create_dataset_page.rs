//! Makes the table `dataset_page`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(DatasetPage::Table)
            .col(ColumnDef::new(DatasetPage::Tenant).string().not_null())
            .col(ColumnDef::new(DatasetPage::DatasetId).string().not_null())
            .col(ColumnDef::new(DatasetPage::FirstRow).big_integer().not_null())
            .col(ColumnDef::new(DatasetPage::Payload).blob().not_null())
            .primary_key(
                Index::create().col(DatasetPage::Tenant).col(DatasetPage::DatasetId).col(DatasetPage::FirstRow),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(DatasetPage::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum DatasetPage {
    Table,
    Tenant,
    DatasetId,
    FirstRow,
    Payload,
}
