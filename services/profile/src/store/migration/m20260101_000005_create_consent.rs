//! Creates table `consent`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Consent::Table)
            .col(ColumnDef::new(Consent::Tenant).string().not_null())
            .col(ColumnDef::new(Consent::CustomerId).string().not_null())
            .col(ColumnDef::new(Consent::DecideTime).big_integer().not_null())
            .col(ColumnDef::new(Consent::Purpose).small_integer().not_null())
            .col(ColumnDef::new(Consent::ChannelId).string().not_null())
            .col(ColumnDef::new(Consent::Allowed).boolean().not_null())
            .col(ColumnDef::new(Consent::ExpireTime).big_integer().not_null())
            .col(ColumnDef::new(Consent::Evidence).string().not_null())
            .col(ColumnDef::new(Consent::Source).string().not_null())
            .col(ColumnDef::new(Consent::RecordTime).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(Consent::Tenant)
                    .col(Consent::CustomerId)
                    .col(Consent::DecideTime)
                    .col(Consent::Purpose)
                    .col(Consent::ChannelId)
                    .col(Consent::Allowed)
                    .col(Consent::ExpireTime),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Consent::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Consent {
    Table,
    Tenant,
    CustomerId,
    DecideTime,
    Purpose,
    ChannelId,
    Allowed,
    ExpireTime,
    Evidence,
    Source,
    RecordTime,
}
