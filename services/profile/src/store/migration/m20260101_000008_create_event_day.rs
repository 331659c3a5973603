//! Creates table `event_day`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(EventDay::Table)
            .col(ColumnDef::new(EventDay::Tenant).string().not_null())
            .col(ColumnDef::new(EventDay::CustomerId).string().not_null())
            .col(ColumnDef::new(EventDay::Day).integer().not_null())
            .col(ColumnDef::new(EventDay::Format).small_integer().not_null())
            .col(ColumnDef::new(EventDay::KeyId).string().not_null())
            .col(ColumnDef::new(EventDay::Packed).binary().not_null())
            .primary_key(Index::create().col(EventDay::Tenant).col(EventDay::CustomerId).col(EventDay::Day))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_event_day_day")
            .table(EventDay::Table)
            .col(EventDay::Tenant)
            .col(EventDay::Day)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(EventDay::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum EventDay {
    Table,
    Tenant,
    CustomerId,
    Day,
    Format,
    KeyId,
    Packed,
}
