//! Makes the table `vector`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Vector::Table)
            .col(ColumnDef::new(Vector::Tenant).string().not_null())
            .col(ColumnDef::new(Vector::CustomerId).string().not_null())
            .col(ColumnDef::new(Vector::CustomerKey).string().not_null())
            .col(ColumnDef::new(Vector::RootId).string().not_null())
            .col(ColumnDef::new(Vector::OwnerPath).string().not_null())
            .col(ColumnDef::new(Vector::Ordinal).big_integer().not_null())
            .col(ColumnDef::new(Vector::AsOf).big_integer().not_null())
            .col(ColumnDef::new(Vector::Position).string().not_null())
            .col(ColumnDef::new(Vector::Format).small_integer().not_null())
            .col(ColumnDef::new(Vector::KeyId).string().not_null())
            .col(ColumnDef::new(Vector::Payload).blob().not_null())
            .primary_key(Index::create().col(Vector::Tenant).col(Vector::CustomerId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("vector_ordinal").table(Vector::Table).col(Vector::Tenant).col(Vector::Ordinal).unique();
        manager.create_index(index).await?;
        let mut index = Index::create();
        index.name("vector_customer_key").table(Vector::Table).col(Vector::Tenant).col(Vector::CustomerKey);
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Vector::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Vector {
    Table,
    Tenant,
    CustomerId,
    CustomerKey,
    RootId,
    OwnerPath,
    Ordinal,
    AsOf,
    Position,
    Format,
    KeyId,
    Payload,
}
