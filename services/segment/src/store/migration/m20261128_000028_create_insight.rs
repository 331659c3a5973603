//! Makes the tables `insight`, `insight_evidence`, `insight_comment` and `insight_vote`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Insight::Table)
            .col(ColumnDef::new(Insight::Tenant).string().not_null())
            .col(ColumnDef::new(Insight::InsightId).string().not_null())
            .col(ColumnDef::new(Insight::RequestId).string().not_null())
            .col(ColumnDef::new(Insight::Number).big_integer().not_null())
            .col(ColumnDef::new(Insight::Status).small_integer().not_null())
            .col(ColumnDef::new(Insight::Revision).big_integer().not_null())
            .col(ColumnDef::new(Insight::Payload).blob().not_null())
            .primary_key(Index::create().col(Insight::Tenant).col(Insight::InsightId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("insight_request").table(Insight::Table).col(Insight::Tenant).col(Insight::RequestId).unique();
        manager.create_index(index).await?;
        let mut index = Index::create();
        index.name("insight_number").table(Insight::Table).col(Insight::Tenant).col(Insight::Number).unique();
        manager.create_index(index).await?;
        let mut table = Table::create();
        table
            .table(InsightEvidence::Table)
            .col(ColumnDef::new(InsightEvidence::Tenant).string().not_null())
            .col(ColumnDef::new(InsightEvidence::InsightId).string().not_null())
            .col(ColumnDef::new(InsightEvidence::Number).integer().not_null())
            .col(ColumnDef::new(InsightEvidence::RequestId).string().not_null())
            .col(ColumnDef::new(InsightEvidence::Payload).blob().not_null())
            .primary_key(
                Index::create()
                    .col(InsightEvidence::Tenant)
                    .col(InsightEvidence::InsightId)
                    .col(InsightEvidence::Number),
            );
        manager.create_table(table).await?;
        let mut table = Table::create();
        table
            .table(InsightComment::Table)
            .col(ColumnDef::new(InsightComment::Tenant).string().not_null())
            .col(ColumnDef::new(InsightComment::InsightId).string().not_null())
            .col(ColumnDef::new(InsightComment::Number).integer().not_null())
            .col(ColumnDef::new(InsightComment::RequestId).string().not_null())
            .col(ColumnDef::new(InsightComment::Payload).blob().not_null())
            .primary_key(
                Index::create().col(InsightComment::Tenant).col(InsightComment::InsightId).col(InsightComment::Number),
            );
        manager.create_table(table).await?;
        let mut table = Table::create();
        table
            .table(InsightVote::Table)
            .col(ColumnDef::new(InsightVote::Tenant).string().not_null())
            .col(ColumnDef::new(InsightVote::InsightId).string().not_null())
            .col(ColumnDef::new(InsightVote::UserId).string().not_null())
            .col(ColumnDef::new(InsightVote::Vote).small_integer().not_null())
            .col(ColumnDef::new(InsightVote::Voted).big_integer().not_null())
            .primary_key(Index::create().col(InsightVote::Tenant).col(InsightVote::InsightId).col(InsightVote::UserId));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(InsightVote::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(InsightComment::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(InsightEvidence::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Insight::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Insight {
    Table,
    Tenant,
    InsightId,
    RequestId,
    Number,
    Status,
    Revision,
    Payload,
}

#[derive(DeriveIden)]
enum InsightEvidence {
    Table,
    Tenant,
    InsightId,
    Number,
    RequestId,
    Payload,
}

#[derive(DeriveIden)]
enum InsightComment {
    Table,
    Tenant,
    InsightId,
    Number,
    RequestId,
    Payload,
}

#[derive(DeriveIden)]
enum InsightVote {
    Table,
    Tenant,
    InsightId,
    UserId,
    Vote,
    Voted,
}
