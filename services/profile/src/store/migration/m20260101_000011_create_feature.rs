//! Creates table `feature`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Feature::Table)
            .col(ColumnDef::new(Feature::Tenant).string().not_null())
            .col(ColumnDef::new(Feature::Number).integer().not_null())
            .col(ColumnDef::new(Feature::Name).string().not_null())
            .col(ColumnDef::new(Feature::RequestId).string())
            .col(ColumnDef::new(Feature::State).small_integer().not_null())
            .col(ColumnDef::new(Feature::Measure).integer().not_null())
            .col(ColumnDef::new(Feature::Definition).binary().not_null())
            .col(ColumnDef::new(Feature::Reached).string().not_null())
            .col(ColumnDef::new(Feature::Done).big_integer().not_null())
            .col(ColumnDef::new(Feature::Total).big_integer().not_null())
            .col(ColumnDef::new(Feature::CreateTime).big_integer().not_null())
            .primary_key(Index::create().col(Feature::Tenant).col(Feature::Number))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Feature::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Feature {
    Table,
    Tenant,
    Number,
    Name,
    RequestId,
    State,
    Measure,
    Definition,
    Reached,
    Done,
    Total,
    CreateTime,
}
