//! Creates table `tag_definition`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(TagDefinition::Table)
            .col(ColumnDef::new(TagDefinition::Tenant).string().not_null())
            .col(ColumnDef::new(TagDefinition::Name).string().not_null())
            .col(ColumnDef::new(TagDefinition::RequestId).string().not_null())
            .col(ColumnDef::new(TagDefinition::Description).string().not_null())
            .col(ColumnDef::new(TagDefinition::Owner).string().not_null())
            .col(ColumnDef::new(TagDefinition::Category).string().not_null())
            .col(ColumnDef::new(TagDefinition::Authors).integer().not_null())
            .col(ColumnDef::new(TagDefinition::LifetimeDays).integer().not_null())
            .col(ColumnDef::new(TagDefinition::Retired).boolean().not_null())
            .col(ColumnDef::new(TagDefinition::Revision).big_integer().not_null())
            .col(ColumnDef::new(TagDefinition::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(TagDefinition::UpdateTime).big_integer().not_null())
            .primary_key(Index::create().col(TagDefinition::Tenant).col(TagDefinition::Name))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("uq_tag_definition_request")
            .table(TagDefinition::Table)
            .unique()
            .col(TagDefinition::Tenant)
            .col(TagDefinition::RequestId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TagDefinition::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum TagDefinition {
    Table,
    Tenant,
    Name,
    RequestId,
    Description,
    Owner,
    Category,
    Authors,
    LifetimeDays,
    Retired,
    Revision,
    CreateTime,
    UpdateTime,
}
