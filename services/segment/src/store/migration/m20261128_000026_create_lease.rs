//! Makes the table `lease`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Lease::Table)
            .col(ColumnDef::new(Lease::Work).string().not_null())
            .col(ColumnDef::new(Lease::Partition).integer().not_null())
            .col(ColumnDef::new(Lease::Owner).string().not_null())
            .col(ColumnDef::new(Lease::Expires).big_integer().not_null())
            .primary_key(Index::create().col(Lease::Work).col(Lease::Partition));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Lease::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Lease {
    Table,
    Work,
    Partition,
    Owner,
    Expires,
}
