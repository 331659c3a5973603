//! Creates table `kyc_answer`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(KycAnswer::Table)
            .col(ColumnDef::new(KycAnswer::Tenant).string().not_null())
            .col(ColumnDef::new(KycAnswer::CustomerId).string().not_null())
            .col(ColumnDef::new(KycAnswer::QuestionId).string().not_null())
            .col(ColumnDef::new(KycAnswer::AnswerTime).big_integer().not_null())
            .col(ColumnDef::new(KycAnswer::AnsweredBy).string().not_null())
            .col(ColumnDef::new(KycAnswer::Format).small_integer().not_null())
            .col(ColumnDef::new(KycAnswer::KeyId).string().not_null())
            .col(ColumnDef::new(KycAnswer::Payload).binary().not_null())
            .primary_key(Index::create().col(KycAnswer::Tenant).col(KycAnswer::CustomerId).col(KycAnswer::QuestionId))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_kyc_answer_time")
            .table(KycAnswer::Table)
            .col(KycAnswer::Tenant)
            .col(KycAnswer::AnswerTime)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(KycAnswer::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum KycAnswer {
    Table,
    Tenant,
    CustomerId,
    QuestionId,
    AnswerTime,
    AnsweredBy,
    Format,
    KeyId,
    Payload,
}
