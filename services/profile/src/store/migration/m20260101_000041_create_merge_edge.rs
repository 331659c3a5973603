//! Creates table `merge_edge`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(MergeEdge::Table)
            .col(ColumnDef::new(MergeEdge::Tenant).string().not_null())
            .col(ColumnDef::new(MergeEdge::MergeId).string().not_null())
            .col(ColumnDef::new(MergeEdge::RequestId).string())
            .col(ColumnDef::new(MergeEdge::Absorbed).string().not_null())
            .col(ColumnDef::new(MergeEdge::Survivor).string().not_null())
            .col(ColumnDef::new(MergeEdge::Reason).small_integer().not_null())
            .col(ColumnDef::new(MergeEdge::Holds).boolean().not_null())
            .col(ColumnDef::new(MergeEdge::MadeBy).string().not_null())
            .col(ColumnDef::new(MergeEdge::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(MergeEdge::RevokedBy).string().not_null())
            .col(ColumnDef::new(MergeEdge::RevokeTime).big_integer().not_null())
            .primary_key(Index::create().col(MergeEdge::Tenant).col(MergeEdge::MergeId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("uq_merge_edge_request")
            .table(MergeEdge::Table)
            .unique()
            .col(MergeEdge::Tenant)
            .col(MergeEdge::RequestId)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_merge_edge_absorbed")
            .table(MergeEdge::Table)
            .col(MergeEdge::Tenant)
            .col(MergeEdge::Absorbed)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_merge_edge_survivor")
            .table(MergeEdge::Table)
            .col(MergeEdge::Tenant)
            .col(MergeEdge::Survivor)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MergeEdge::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum MergeEdge {
    Table,
    Tenant,
    MergeId,
    RequestId,
    Absorbed,
    Survivor,
    Reason,
    Holds,
    MadeBy,
    CreateTime,
    RevokedBy,
    RevokeTime,
}
