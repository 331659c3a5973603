//! Creates table `dead_letter`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(DeadLetter::Table)
            .col(ColumnDef::new(DeadLetter::Tenant).string().not_null())
            .col(ColumnDef::new(DeadLetter::LetterId).string().not_null())
            .col(ColumnDef::new(DeadLetter::Digest).string().not_null())
            .col(ColumnDef::new(DeadLetter::Source).string().not_null())
            .col(ColumnDef::new(DeadLetter::EventType).string().not_null())
            .col(ColumnDef::new(DeadLetter::CustomerId).string().not_null())
            .col(ColumnDef::new(DeadLetter::IdentityHash).string().not_null())
            .col(ColumnDef::new(DeadLetter::State).small_integer().not_null())
            .col(ColumnDef::new(DeadLetter::Field).string().not_null())
            .col(ColumnDef::new(DeadLetter::Description).string().not_null())
            .col(ColumnDef::new(DeadLetter::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(DeadLetter::UpdateTime).big_integer().not_null())
            .col(ColumnDef::new(DeadLetter::Cut).boolean().not_null())
            .col(ColumnDef::new(DeadLetter::Format).small_integer().not_null())
            .col(ColumnDef::new(DeadLetter::KeyId).string().not_null())
            .col(ColumnDef::new(DeadLetter::Payload).binary().not_null())
            .primary_key(Index::create().col(DeadLetter::Tenant).col(DeadLetter::LetterId))
            .to_owned();
        manager.create_table(table).await?;
        let of_table =
            |name: &str| Index::create().name(name).table(DeadLetter::Table).col(DeadLetter::Tenant).to_owned();
        manager.create_index(of_table("uq_dead_letter_digest").unique().col(DeadLetter::Digest).to_owned()).await?;
        for (name, chosen) in [
            ("ix_dead_letter_state", DeadLetter::State),
            ("ix_dead_letter_source", DeadLetter::Source),
            ("ix_dead_letter_type", DeadLetter::EventType),
        ] {
            manager.create_index(of_table(name).col(chosen).col(DeadLetter::LetterId).to_owned()).await?;
        }
        // For whoever must find all that is kept of a customer.
        manager.create_index(of_table("ix_dead_letter_customer").col(DeadLetter::CustomerId).to_owned()).await?;
        manager.create_index(of_table("ix_dead_letter_identity").col(DeadLetter::IdentityHash).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(DeadLetter::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum DeadLetter {
    Table,
    Tenant,
    LetterId,
    Digest,
    Source,
    EventType,
    CustomerId,
    IdentityHash,
    State,
    Field,
    Description,
    CreateTime,
    UpdateTime,
    Cut,
    Format,
    KeyId,
    Payload,
}
