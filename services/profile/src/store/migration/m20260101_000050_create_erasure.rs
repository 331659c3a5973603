//! Creates table `erasure`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Erasure::Table)
            .col(ColumnDef::new(Erasure::Tenant).string().not_null())
            .col(ColumnDef::new(Erasure::ErasureId).string().not_null())
            .col(ColumnDef::new(Erasure::RequestId).string().not_null())
            .col(ColumnDef::new(Erasure::CustomerKey).string().not_null())
            .col(ColumnDef::new(Erasure::State).small_integer().not_null())
            .col(ColumnDef::new(Erasure::Reason).string().not_null())
            .col(ColumnDef::new(Erasure::RequestedBy).string().not_null())
            .col(ColumnDef::new(Erasure::RequestTime).big_integer().not_null())
            .col(ColumnDef::new(Erasure::EraseTime).big_integer().null())
            .primary_key(Index::create().col(Erasure::Tenant).col(Erasure::ErasureId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("erasure_request")
            .table(Erasure::Table)
            .col(Erasure::Tenant)
            .col(Erasure::RequestId)
            .unique()
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("erasure_customer")
            .table(Erasure::Table)
            .col(Erasure::Tenant)
            .col(Erasure::CustomerKey)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create().name("erasure_state").table(Erasure::Table).col(Erasure::State).to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Erasure::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Erasure {
    Table,
    Tenant,
    ErasureId,
    RequestId,
    CustomerKey,
    State,
    Reason,
    RequestedBy,
    RequestTime,
    EraseTime,
}
