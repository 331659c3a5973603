//! Creates table `event`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Event::Table)
            .col(ColumnDef::new(Event::Tenant).string().not_null())
            .col(ColumnDef::new(Event::CustomerId).string().not_null())
            .col(ColumnDef::new(Event::Source).string().not_null())
            .col(ColumnDef::new(Event::SourceId).string().not_null())
            .col(ColumnDef::new(Event::EventType).string().not_null())
            .col(ColumnDef::new(Event::OccurTime).big_integer().not_null())
            .col(ColumnDef::new(Event::AmountMinor).big_integer().not_null())
            .col(ColumnDef::new(Event::Format).small_integer().not_null())
            .col(ColumnDef::new(Event::KeyId).string().not_null())
            .col(ColumnDef::new(Event::Payload).binary().not_null());
        let mut key = Index::create();
        key.col(Event::Tenant).col(Event::CustomerId);
        let mut order = key.clone();
        order.name("ix_event_customer").table(Event::Table).col(Event::OccurTime);
        if manager.get_database_backend() == DbBackend::Sqlite {
            // SQLite writes each page that a row touches whole, and twice: a customer's events lie in the order in which
            // they are read, and in no other.
            table.primary_key(key.col(Event::OccurTime).col(Event::Source).col(Event::SourceId));
            manager.create_table(table.extra("WITHOUT ROWID").to_owned()).await?;
        } else {
            // Here several write: a customer's event that comes twice is refused, whenever it is said to have been.
            table.primary_key(key.col(Event::Source).col(Event::SourceId));
            manager.create_table(table).await?;
            manager.create_index(order).await?;
        }
        // Not unique, so that the table can be partitioned by customer: ingest finds duplicates by it.
        let index = Index::create()
            .name("ix_event_source")
            .table(Event::Table)
            .col(Event::Tenant)
            .col(Event::Source)
            .col(Event::SourceId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Event::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Event {
    Table,
    Tenant,
    Source,
    SourceId,
    CustomerId,
    EventType,
    OccurTime,
    AmountMinor,
    Format,
    KeyId,
    Payload,
}
