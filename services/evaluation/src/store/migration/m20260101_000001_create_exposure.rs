//! Creates table `exposure`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Exposure::Table)
            .col(ColumnDef::new(Exposure::Tenant).string().not_null())
            .col(ColumnDef::new(Exposure::StrategyId).string().not_null())
            .col(ColumnDef::new(Exposure::CustomerKey).string().not_null())
            .col(ColumnDef::new(Exposure::Time).big_integer().not_null())
            .col(ColumnDef::new(Exposure::DecisionId).string().not_null())
            .col(ColumnDef::new(Exposure::UniversalHeld).boolean().not_null())
            .col(ColumnDef::new(Exposure::UniversalShare).double().not_null())
            .col(ColumnDef::new(Exposure::StrategyHeld).boolean().not_null())
            .col(ColumnDef::new(Exposure::StrategyShare).double().not_null())
            .col(ColumnDef::new(Exposure::Propensity).double().not_null())
            .col(ColumnDef::new(Exposure::ChannelId).string().not_null())
            .primary_key(Index::create().col(Exposure::Tenant).col(Exposure::StrategyId).col(Exposure::CustomerKey))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Exposure::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Exposure {
    Table,
    Tenant,
    StrategyId,
    CustomerKey,
    Time,
    DecisionId,
    UniversalHeld,
    UniversalShare,
    StrategyHeld,
    StrategyShare,
    Propensity,
    ChannelId,
}
