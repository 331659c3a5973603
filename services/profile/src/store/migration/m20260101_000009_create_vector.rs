//! Creates table `vector`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Vector::Table)
            .col(ColumnDef::new(Vector::Tenant).string().not_null())
            .col(ColumnDef::new(Vector::CustomerId).string().not_null())
            .col(ColumnDef::new(Vector::StateFormat).small_integer().not_null())
            .col(ColumnDef::new(Vector::StateKeyId).string().not_null())
            .col(ColumnDef::new(Vector::State).binary().not_null())
            .col(ColumnDef::new(Vector::Format).small_integer().not_null())
            .col(ColumnDef::new(Vector::KeyId).string().not_null())
            .col(ColumnDef::new(Vector::Payload).binary().not_null())
            .col(ColumnDef::new(Vector::Position).string().not_null())
            .primary_key(Index::create().col(Vector::Tenant).col(Vector::CustomerId))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Vector::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Vector {
    Table,
    Tenant,
    CustomerId,
    StateFormat,
    StateKeyId,
    State,
    Format,
    KeyId,
    Payload,
    Position,
}
