//! Creates table `kyc_template`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(KycTemplate::Table)
            .col(ColumnDef::new(KycTemplate::Tenant).string().not_null())
            .col(ColumnDef::new(KycTemplate::Payload).binary().not_null())
            .col(ColumnDef::new(KycTemplate::Revision).big_integer().not_null())
            .col(ColumnDef::new(KycTemplate::UpdateTime).big_integer().not_null())
            .primary_key(Index::create().col(KycTemplate::Tenant))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(KycTemplate::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum KycTemplate {
    Table,
    Tenant,
    Payload,
    Revision,
    UpdateTime,
}
