//! Creates table `tombstone`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Tombstone::Table)
            .col(ColumnDef::new(Tombstone::Tenant).string().not_null())
            .col(ColumnDef::new(Tombstone::CustomerHash).string().not_null())
            .col(ColumnDef::new(Tombstone::CustomerKey).string().not_null())
            .col(ColumnDef::new(Tombstone::Partition).integer().not_null())
            .col(ColumnDef::new(Tombstone::ErasureId).string().not_null())
            .col(ColumnDef::new(Tombstone::EraseTime).big_integer().not_null())
            .col(ColumnDef::new(Tombstone::Format).small_integer().not_null())
            .col(ColumnDef::new(Tombstone::KeyId).string().not_null())
            .col(ColumnDef::new(Tombstone::Payload).blob().not_null())
            .primary_key(Index::create().col(Tombstone::Tenant).col(Tombstone::CustomerHash))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("tombstone_erasure")
            .table(Tombstone::Table)
            .col(Tombstone::Tenant)
            .col(Tombstone::ErasureId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Tombstone::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Tombstone {
    Table,
    Tenant,
    CustomerHash,
    CustomerKey,
    Partition,
    ErasureId,
    EraseTime,
    Format,
    KeyId,
    Payload,
}
