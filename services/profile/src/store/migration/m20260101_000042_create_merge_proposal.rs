//! Creates table `merge_proposal`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(MergeProposal::Table)
            .col(ColumnDef::new(MergeProposal::Tenant).string().not_null())
            .col(ColumnDef::new(MergeProposal::ProposalId).string().not_null())
            .col(ColumnDef::new(MergeProposal::Absorbed).string().not_null())
            .col(ColumnDef::new(MergeProposal::Survivor).string().not_null())
            .col(ColumnDef::new(MergeProposal::Reason).small_integer().not_null())
            .col(ColumnDef::new(MergeProposal::State).small_integer().not_null())
            .col(ColumnDef::new(MergeProposal::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(MergeProposal::DecidedBy).string().not_null())
            .col(ColumnDef::new(MergeProposal::DecideTime).big_integer().not_null())
            .col(ColumnDef::new(MergeProposal::MergeId).string().not_null())
            .primary_key(Index::create().col(MergeProposal::Tenant).col(MergeProposal::ProposalId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_merge_proposal_state")
            .table(MergeProposal::Table)
            .col(MergeProposal::Tenant)
            .col(MergeProposal::State)
            .col(MergeProposal::CreateTime)
            .col(MergeProposal::ProposalId)
            .to_owned();
        manager.create_index(index).await?;
        // An erasure takes a person's proposals away, at either end.
        for (name, end) in [
            ("ix_merge_proposal_absorbed", MergeProposal::Absorbed),
            ("ix_merge_proposal_survivor", MergeProposal::Survivor),
        ] {
            let index =
                Index::create().name(name).table(MergeProposal::Table).col(MergeProposal::Tenant).col(end).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MergeProposal::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum MergeProposal {
    Table,
    Tenant,
    ProposalId,
    Absorbed,
    Survivor,
    Reason,
    State,
    CreateTime,
    DecidedBy,
    DecideTime,
    MergeId,
}
