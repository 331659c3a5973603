//! Creates tables `snapshot` and `snapshot_part`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Snapshot::Table)
            .col(ColumnDef::new(Snapshot::Tenant).string().not_null())
            .col(ColumnDef::new(Snapshot::SnapshotId).string().not_null())
            .col(ColumnDef::new(Snapshot::RequestId).string().not_null())
            .col(ColumnDef::new(Snapshot::State).small_integer().not_null())
            .col(ColumnDef::new(Snapshot::Destination).string().not_null())
            .col(ColumnDef::new(Snapshot::IncludeBankNumbers).boolean().not_null())
            .col(ColumnDef::new(Snapshot::Catalogue).binary().not_null())
            .col(ColumnDef::new(Snapshot::AsOfTime).big_integer().not_null())
            .col(ColumnDef::new(Snapshot::Position).string().not_null())
            .col(ColumnDef::new(Snapshot::CustomerCount).big_integer().not_null())
            .col(ColumnDef::new(Snapshot::WrittenCount).big_integer().not_null())
            .col(ColumnDef::new(Snapshot::PartCount).integer().not_null())
            .col(ColumnDef::new(Snapshot::Forgotten).integer().not_null())
            .col(ColumnDef::new(Snapshot::Holder).string().not_null())
            .col(ColumnDef::new(Snapshot::LeaseTime).big_integer().not_null())
            .col(ColumnDef::new(Snapshot::Manifest).string().not_null())
            .col(ColumnDef::new(Snapshot::Fault).string().not_null())
            .col(ColumnDef::new(Snapshot::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Snapshot::EndTime).big_integer())
            .primary_key(Index::create().col(Snapshot::Tenant).col(Snapshot::SnapshotId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("uq_snapshot_request")
            .table(Snapshot::Table)
            .unique()
            .col(Snapshot::Tenant)
            .col(Snapshot::RequestId)
            .to_owned();
        manager.create_index(index).await?;
        let table = Table::create()
            .table(SnapshotPart::Table)
            .col(ColumnDef::new(SnapshotPart::Tenant).string().not_null())
            .col(ColumnDef::new(SnapshotPart::SnapshotId).string().not_null())
            .col(ColumnDef::new(SnapshotPart::Part).integer().not_null())
            .col(ColumnDef::new(SnapshotPart::FirstCustomerId).string().not_null())
            .col(ColumnDef::new(SnapshotPart::LastCustomerId).string().not_null())
            .col(ColumnDef::new(SnapshotPart::RowCount).big_integer().not_null())
            .col(ColumnDef::new(SnapshotPart::ByteCount).big_integer().not_null())
            .col(ColumnDef::new(SnapshotPart::Sha256).string().not_null())
            .primary_key(
                Index::create().col(SnapshotPart::Tenant).col(SnapshotPart::SnapshotId).col(SnapshotPart::Part),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(SnapshotPart::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Snapshot::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Snapshot {
    Table,
    Tenant,
    SnapshotId,
    RequestId,
    State,
    Destination,
    IncludeBankNumbers,
    Catalogue,
    AsOfTime,
    Position,
    CustomerCount,
    WrittenCount,
    PartCount,
    Forgotten,
    Holder,
    LeaseTime,
    Manifest,
    Fault,
    CreateTime,
    EndTime,
}

#[derive(DeriveIden)]
enum SnapshotPart {
    Table,
    Tenant,
    SnapshotId,
    Part,
    FirstCustomerId,
    LastCustomerId,
    RowCount,
    ByteCount,
    Sha256,
}
