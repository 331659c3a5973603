//! Creates table `legal_hold`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(LegalHold::Table)
            .col(ColumnDef::new(LegalHold::Tenant).string().not_null())
            .col(ColumnDef::new(LegalHold::CustomerKey).string().not_null())
            .col(ColumnDef::new(LegalHold::HoldId).string().not_null())
            .col(ColumnDef::new(LegalHold::RequestId).string().not_null())
            .col(ColumnDef::new(LegalHold::Reason).string().not_null())
            .col(ColumnDef::new(LegalHold::PlacedBy).string().not_null())
            .col(ColumnDef::new(LegalHold::PlaceTime).big_integer().not_null())
            .col(ColumnDef::new(LegalHold::LiftedBy).string().not_null())
            .col(ColumnDef::new(LegalHold::LiftTime).big_integer().null())
            .primary_key(Index::create().col(LegalHold::Tenant).col(LegalHold::CustomerKey).col(LegalHold::HoldId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("legal_hold_request")
            .table(LegalHold::Table)
            .col(LegalHold::Tenant)
            .col(LegalHold::RequestId)
            .unique()
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(LegalHold::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum LegalHold {
    Table,
    Tenant,
    CustomerKey,
    HoldId,
    RequestId,
    Reason,
    PlacedBy,
    PlaceTime,
    LiftedBy,
    LiftTime,
}
