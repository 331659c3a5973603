//! Creates table `relation`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Relation::Table)
            .col(ColumnDef::new(Relation::Tenant).string().not_null())
            .col(ColumnDef::new(Relation::CustomerId).string().not_null())
            .col(ColumnDef::new(Relation::Direction).small_integer().not_null())
            .col(ColumnDef::new(Relation::RelationType).small_integer().not_null())
            .col(ColumnDef::new(Relation::OtherId).string().not_null())
            .col(ColumnDef::new(Relation::ContactKind).small_integer().not_null())
            .col(ColumnDef::new(Relation::StartDay).integer())
            .col(ColumnDef::new(Relation::EndDay).integer())
            .col(ColumnDef::new(Relation::Weight).double().not_null())
            .col(ColumnDef::new(Relation::Source).string().not_null())
            .col(ColumnDef::new(Relation::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Relation::UpdateTime).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(Relation::Tenant)
                    .col(Relation::CustomerId)
                    .col(Relation::Direction)
                    .col(Relation::RelationType)
                    .col(Relation::OtherId),
            )
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_relation_start")
            .table(Relation::Table)
            .col(Relation::Tenant)
            .col(Relation::StartDay)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_relation_end")
            .table(Relation::Table)
            .col(Relation::Tenant)
            .col(Relation::EndDay)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Relation::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Relation {
    Table,
    Tenant,
    CustomerId,
    Direction,
    RelationType,
    OtherId,
    ContactKind,
    StartDay,
    EndDay,
    Weight,
    Source,
    CreateTime,
    UpdateTime,
}
