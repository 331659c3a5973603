//! Creates table `tag_history`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(TagHistory::Table)
            .col(ColumnDef::new(TagHistory::Tenant).string().not_null())
            .col(ColumnDef::new(TagHistory::CustomerId).string().not_null())
            .col(ColumnDef::new(TagHistory::Name).string().not_null())
            .col(ColumnDef::new(TagHistory::AttachTime).big_integer().not_null())
            .col(ColumnDef::new(TagHistory::Source).string().not_null())
            .col(ColumnDef::new(TagHistory::Confidence).double().not_null())
            .col(ColumnDef::new(TagHistory::ExpireTime).big_integer().not_null())
            .col(ColumnDef::new(TagHistory::Author).small_integer().not_null())
            .col(ColumnDef::new(TagHistory::AuthorId).string().not_null())
            .col(ColumnDef::new(TagHistory::AuthorVersion).string().not_null())
            .col(ColumnDef::new(TagHistory::Evidence).string().not_null())
            .col(ColumnDef::new(TagHistory::DecideTime).big_integer().not_null())
            .col(ColumnDef::new(TagHistory::AttachedBy).string().not_null())
            .col(ColumnDef::new(TagHistory::DetachTime).big_integer().not_null())
            .col(ColumnDef::new(TagHistory::DetachedBy).string().not_null())
            .primary_key(
                Index::create()
                    .col(TagHistory::Tenant)
                    .col(TagHistory::CustomerId)
                    .col(TagHistory::Name)
                    .col(TagHistory::AttachTime),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TagHistory::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum TagHistory {
    Table,
    Tenant,
    CustomerId,
    Name,
    AttachTime,
    Source,
    Confidence,
    ExpireTime,
    Author,
    AuthorId,
    AuthorVersion,
    Evidence,
    DecideTime,
    AttachedBy,
    DetachTime,
    DetachedBy,
}
