//! Creates table `event_type`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(EventType::Table)
            .col(ColumnDef::new(EventType::Tenant).string().not_null())
            .col(ColumnDef::new(EventType::Name).string().not_null())
            .col(ColumnDef::new(EventType::Number).integer().not_null())
            .col(ColumnDef::new(EventType::Description).string().not_null())
            .col(ColumnDef::new(EventType::IsOutcome).boolean().not_null())
            .col(ColumnDef::new(EventType::Definition).binary().not_null())
            .primary_key(Index::create().col(EventType::Tenant).col(EventType::Name))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("uq_event_type_number")
            .table(EventType::Table)
            .unique()
            .col(EventType::Tenant)
            .col(EventType::Number)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(EventType::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum EventType {
    Table,
    Tenant,
    Name,
    Number,
    Description,
    IsOutcome,
    Definition,
}
