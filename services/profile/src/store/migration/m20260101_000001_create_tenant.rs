//! Creates table `tenant`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Tenant::Table)
            .col(ColumnDef::new(Tenant::Tenant).string().not_null())
            .col(ColumnDef::new(Tenant::RequestId).string().not_null())
            .col(ColumnDef::new(Tenant::DisplayName).string().not_null())
            .col(ColumnDef::new(Tenant::TimeZone).string().not_null())
            .col(ColumnDef::new(Tenant::Currency).string().not_null())
            .col(ColumnDef::new(Tenant::ClockKind).small_integer().not_null())
            .col(ColumnDef::new(Tenant::ClockMicros).big_integer().not_null())
            .col(ColumnDef::new(Tenant::Format).small_integer().not_null())
            .col(ColumnDef::new(Tenant::KeyId).string().not_null())
            .col(ColumnDef::new(Tenant::Secret).binary().not_null())
            .col(ColumnDef::new(Tenant::RolledDay).integer().not_null())
            .col(ColumnDef::new(Tenant::RolledTime).big_integer().not_null())
            .col(ColumnDef::new(Tenant::Catalogue).big_integer().not_null())
            .col(ColumnDef::new(Tenant::MergeByIdNumber).boolean().not_null())
            .col(ColumnDef::new(Tenant::ConsentDefaults).integer().not_null())
            .col(ColumnDef::new(Tenant::Revision).big_integer().not_null())
            .col(ColumnDef::new(Tenant::CreateTime).big_integer().not_null())
            .primary_key(Index::create().col(Tenant::Tenant))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Tenant::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Tenant {
    Table,
    Tenant,
    RequestId,
    DisplayName,
    TimeZone,
    Currency,
    ClockKind,
    ClockMicros,
    Format,
    KeyId,
    Secret,
    RolledDay,
    RolledTime,
    Catalogue,
    MergeByIdNumber,
    ConsentDefaults,
    Revision,
    CreateTime,
}
