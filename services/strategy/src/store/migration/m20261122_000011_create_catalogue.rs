//! Makes the tables of the catalogue: objectives, products, channels, scripts.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000011_create_catalogue"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(objective()).await?;
        manager.create_table(product()).await?;
        manager.create_table(channel()).await?;
        manager.create_table(script()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Script::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Channel::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Product::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Objective::Table).to_owned()).await?;
        Ok(())
    }
}

fn objective() -> TableCreateStatement {
    Table::create()
        .table(Objective::Table)
        .col(ColumnDef::new(Objective::Tenant).string().not_null())
        .col(ColumnDef::new(Objective::ObjectiveId).string().not_null())
        .col(ColumnDef::new(Objective::DisplayName).string().not_null())
        .col(ColumnDef::new(Objective::Kind).integer().not_null())
        .col(ColumnDef::new(Objective::Revision).big_integer().not_null())
        .primary_key(Index::create().col(Objective::Tenant).col(Objective::ObjectiveId))
        .to_owned()
}

fn product() -> TableCreateStatement {
    Table::create()
        .table(Product::Table)
        .col(ColumnDef::new(Product::Tenant).string().not_null())
        .col(ColumnDef::new(Product::ProductId).string().not_null())
        .col(ColumnDef::new(Product::DisplayName).string().not_null())
        .col(ColumnDef::new(Product::RiskLevel).integer().not_null())
        .col(ColumnDef::new(Product::HeldFeature).string().not_null())
        .col(ColumnDef::new(Product::Revision).big_integer().not_null())
        .primary_key(Index::create().col(Product::Tenant).col(Product::ProductId))
        .to_owned()
}

fn channel() -> TableCreateStatement {
    Table::create()
        .table(Channel::Table)
        .col(ColumnDef::new(Channel::Tenant).string().not_null())
        .col(ColumnDef::new(Channel::ChannelId).string().not_null())
        .col(ColumnDef::new(Channel::DisplayName).string().not_null())
        .col(ColumnDef::new(Channel::DailyCapacity).big_integer().not_null())
        .col(ColumnDef::new(Channel::OpenMinute).integer().not_null())
        .col(ColumnDef::new(Channel::CloseMinute).integer().not_null())
        .col(ColumnDef::new(Channel::CostMinor).big_integer().not_null())
        .col(ColumnDef::new(Channel::Priority).integer().not_null())
        .col(ColumnDef::new(Channel::Revision).big_integer().not_null())
        .primary_key(Index::create().col(Channel::Tenant).col(Channel::ChannelId))
        .to_owned()
}

fn script() -> TableCreateStatement {
    Table::create()
        .table(Script::Table)
        .col(ColumnDef::new(Script::Tenant).string().not_null())
        .col(ColumnDef::new(Script::ScriptId).string().not_null())
        .col(ColumnDef::new(Script::ChannelId).string().not_null())
        .col(ColumnDef::new(Script::Text).text().not_null())
        .col(ColumnDef::new(Script::Writer).string().not_null())
        .col(ColumnDef::new(Script::Signer).string().not_null())
        .col(ColumnDef::new(Script::Revision).big_integer().not_null())
        .primary_key(Index::create().col(Script::Tenant).col(Script::ScriptId))
        .to_owned()
}

#[derive(DeriveIden)]
enum Objective {
    Table,
    Tenant,
    ObjectiveId,
    DisplayName,
    Kind,
    Revision,
}

#[derive(DeriveIden)]
enum Product {
    Table,
    Tenant,
    ProductId,
    DisplayName,
    RiskLevel,
    HeldFeature,
    Revision,
}

#[derive(DeriveIden)]
enum Channel {
    Table,
    Tenant,
    ChannelId,
    DisplayName,
    DailyCapacity,
    OpenMinute,
    CloseMinute,
    CostMinor,
    Priority,
    Revision,
}

#[derive(DeriveIden)]
enum Script {
    Table,
    Tenant,
    ScriptId,
    ChannelId,
    Text,
    Writer,
    Signer,
    Revision,
}
