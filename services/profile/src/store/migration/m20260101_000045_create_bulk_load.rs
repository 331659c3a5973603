//! Creates table `bulk_load`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(BulkLoad::Table)
            .col(ColumnDef::new(BulkLoad::Tenant).string().not_null())
            .col(ColumnDef::new(BulkLoad::LoadId).string().not_null())
            .col(ColumnDef::new(BulkLoad::Source).string().not_null())
            .col(ColumnDef::new(BulkLoad::SourceHash).string().not_null())
            .col(ColumnDef::new(BulkLoad::State).small_integer().not_null())
            .col(ColumnDef::new(BulkLoad::NextRow).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::NewCount).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::ChangedCount).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::SameCount).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::RefusedCount).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(BulkLoad::UpdateTime).big_integer().not_null())
            .primary_key(Index::create().col(BulkLoad::Tenant).col(BulkLoad::LoadId))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(BulkLoad::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum BulkLoad {
    Table,
    Tenant,
    LoadId,
    Source,
    SourceHash,
    State,
    NextRow,
    NewCount,
    ChangedCount,
    SameCount,
    RefusedCount,
    CreateTime,
    UpdateTime,
}
