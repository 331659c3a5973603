//! Creates table `tag`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Tag::Table)
            .col(ColumnDef::new(Tag::Tenant).string().not_null())
            .col(ColumnDef::new(Tag::CustomerId).string().not_null())
            .col(ColumnDef::new(Tag::Name).string().not_null())
            .col(ColumnDef::new(Tag::Source).string().not_null())
            .col(ColumnDef::new(Tag::Confidence).double().not_null())
            .col(ColumnDef::new(Tag::ExpireTime).big_integer().not_null())
            .col(ColumnDef::new(Tag::Author).small_integer().not_null())
            .col(ColumnDef::new(Tag::AuthorId).string().not_null())
            .col(ColumnDef::new(Tag::AuthorVersion).string().not_null())
            .col(ColumnDef::new(Tag::Evidence).string().not_null())
            .col(ColumnDef::new(Tag::DecideTime).big_integer().not_null())
            .col(ColumnDef::new(Tag::AttachedBy).string().not_null())
            .col(ColumnDef::new(Tag::CreateTime).big_integer().not_null())
            .primary_key(Index::create().col(Tag::Tenant).col(Tag::CustomerId).col(Tag::Name))
            .to_owned();
        manager.create_table(table).await?;
        let index =
            Index::create().name("ix_tag_expire").table(Tag::Table).col(Tag::Tenant).col(Tag::ExpireTime).to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Tag::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Tag {
    Table,
    Tenant,
    CustomerId,
    Name,
    Source,
    Confidence,
    ExpireTime,
    Author,
    AuthorId,
    AuthorVersion,
    Evidence,
    DecideTime,
    AttachedBy,
    CreateTime,
}
