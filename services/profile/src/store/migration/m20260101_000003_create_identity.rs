//! Creates table `identity`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Identity::Table)
            .col(ColumnDef::new(Identity::Tenant).string().not_null())
            .col(ColumnDef::new(Identity::Namespace).string().not_null())
            .col(ColumnDef::new(Identity::ValueHash).string().not_null())
            .col(ColumnDef::new(Identity::CustomerId).string().not_null())
            .col(ColumnDef::new(Identity::Format).small_integer().not_null())
            .col(ColumnDef::new(Identity::KeyId).string().not_null())
            .col(ColumnDef::new(Identity::Payload).binary().not_null())
            .primary_key(Index::create().col(Identity::Tenant).col(Identity::Namespace).col(Identity::ValueHash))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_identity_customer")
            .table(Identity::Table)
            .col(Identity::Tenant)
            .col(Identity::CustomerId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Identity::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Identity {
    Table,
    Tenant,
    Namespace,
    ValueHash,
    CustomerId,
    Format,
    KeyId,
    Payload,
}
