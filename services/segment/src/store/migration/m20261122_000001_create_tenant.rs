//! Makes the table `tenant`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Tenant::Table)
            .col(ColumnDef::new(Tenant::Tenant).string().not_null())
            .col(ColumnDef::new(Tenant::Settings).blob().not_null())
            .col(ColumnDef::new(Tenant::Catalogue).blob().not_null())
            .col(ColumnDef::new(Tenant::Revision).big_integer().not_null())
            .primary_key(Index::create().col(Tenant::Tenant));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Tenant::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Tenant {
    Table,
    Tenant,
    Settings,
    Catalogue,
    Revision,
}
