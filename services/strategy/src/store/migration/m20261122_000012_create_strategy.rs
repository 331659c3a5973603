//! Makes the tables of strategies and published maps.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000012_create_strategy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(strategy()).await?;
        manager
            .create_index(index("strategy_request", Strategy::Table, true, [Strategy::Tenant, Strategy::RequestId]))
            .await?;
        manager
            .create_index(index(
                "strategy_state",
                Strategy::Table,
                false,
                [Strategy::Tenant, Strategy::State, Strategy::StrategyId],
            ))
            .await?;
        manager.create_table(published_map()).await?;
        manager
            .create_index(index(
                "published_map_version",
                PublishedMap::Table,
                false,
                [PublishedMap::Tenant, PublishedMap::Version],
            ))
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PublishedMap::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Strategy::Table).to_owned()).await?;
        Ok(())
    }
}

fn strategy() -> TableCreateStatement {
    Table::create()
        .table(Strategy::Table)
        .col(ColumnDef::new(Strategy::Tenant).string().not_null())
        .col(ColumnDef::new(Strategy::StrategyId).string().not_null())
        .col(ColumnDef::new(Strategy::RequestId).string().not_null())
        .col(ColumnDef::new(Strategy::OwnerPath).string().not_null())
        .col(ColumnDef::new(Strategy::State).integer().not_null())
        .col(ColumnDef::new(Strategy::Stopped).boolean().not_null())
        .col(ColumnDef::new(Strategy::Maker).string().not_null())
        .col(ColumnDef::new(Strategy::Checker).string().not_null())
        .col(ColumnDef::new(Strategy::Comment).string().not_null())
        .col(ColumnDef::new(Strategy::Body).blob().not_null())
        .col(ColumnDef::new(Strategy::Revision).big_integer().not_null())
        .col(ColumnDef::new(Strategy::UpdateTime).big_integer().not_null())
        .primary_key(Index::create().col(Strategy::Tenant).col(Strategy::StrategyId))
        .to_owned()
}

fn published_map() -> TableCreateStatement {
    Table::create()
        .table(PublishedMap::Table)
        .col(ColumnDef::new(PublishedMap::Tenant).string().not_null())
        .col(ColumnDef::new(PublishedMap::Number).big_integer().not_null())
        .col(ColumnDef::new(PublishedMap::Version).string().not_null())
        .col(ColumnDef::new(PublishedMap::Content).blob().not_null())
        .col(ColumnDef::new(PublishedMap::Publisher).string().not_null())
        .col(ColumnDef::new(PublishedMap::PublishTime).big_integer().not_null())
        .primary_key(Index::create().col(PublishedMap::Tenant).col(PublishedMap::Number))
        .to_owned()
}

fn index<T: Iden + 'static, const N: usize>(
    name: &str,
    table: T,
    unique: bool,
    columns: [T; N],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column);
    }
    if unique {
        index.unique();
    }
    index
}

#[derive(DeriveIden)]
enum Strategy {
    Table,
    Tenant,
    StrategyId,
    RequestId,
    OwnerPath,
    State,
    Stopped,
    Maker,
    Checker,
    Comment,
    Body,
    Revision,
    UpdateTime,
}

#[derive(DeriveIden)]
enum PublishedMap {
    Table,
    Tenant,
    Number,
    Version,
    Content,
    Publisher,
    PublishTime,
}
