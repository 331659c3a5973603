//! Creates table `lookup`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Lookup::Table)
            .col(ColumnDef::new(Lookup::Tenant).string().not_null())
            .col(ColumnDef::new(Lookup::Kind).small_integer().not_null())
            .col(ColumnDef::new(Lookup::ValueHash).string().not_null())
            .col(ColumnDef::new(Lookup::CustomerId).string().not_null())
            .primary_key(
                Index::create().col(Lookup::Tenant).col(Lookup::Kind).col(Lookup::ValueHash).col(Lookup::CustomerId),
            )
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_lookup_customer")
            .table(Lookup::Table)
            .col(Lookup::Tenant)
            .col(Lookup::CustomerId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Lookup::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Lookup {
    Table,
    Tenant,
    Kind,
    ValueHash,
    CustomerId,
}
