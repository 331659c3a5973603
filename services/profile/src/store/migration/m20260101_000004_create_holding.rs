//! Creates table `holding`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Holding::Table)
            .col(ColumnDef::new(Holding::Tenant).string().not_null())
            .col(ColumnDef::new(Holding::HoldingHash).string().not_null())
            .col(ColumnDef::new(Holding::CustomerId).string().not_null())
            .col(ColumnDef::new(Holding::Kind).string().not_null())
            .col(ColumnDef::new(Holding::ProductId).string().not_null())
            .col(ColumnDef::new(Holding::OpenDay).integer().not_null())
            .col(ColumnDef::new(Holding::CloseDay).integer())
            .col(ColumnDef::new(Holding::BalanceMinor).big_integer().not_null())
            .col(ColumnDef::new(Holding::Status).string().not_null())
            .col(ColumnDef::new(Holding::Format).small_integer().not_null())
            .col(ColumnDef::new(Holding::KeyId).string().not_null())
            .col(ColumnDef::new(Holding::Payload).binary().not_null())
            .primary_key(Index::create().col(Holding::Tenant).col(Holding::HoldingHash))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_holding_customer")
            .table(Holding::Table)
            .col(Holding::Tenant)
            .col(Holding::CustomerId)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_holding_open")
            .table(Holding::Table)
            .col(Holding::Tenant)
            .col(Holding::OpenDay)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_holding_close")
            .table(Holding::Table)
            .col(Holding::Tenant)
            .col(Holding::CloseDay)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Holding::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Holding {
    Table,
    Tenant,
    HoldingHash,
    CustomerId,
    Kind,
    ProductId,
    OpenDay,
    CloseDay,
    BalanceMinor,
    Status,
    Format,
    KeyId,
    Payload,
}
