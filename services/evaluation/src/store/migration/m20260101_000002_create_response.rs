//! Creates table `response`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Response::Table)
            .col(ColumnDef::new(Response::Tenant).string().not_null())
            .col(ColumnDef::new(Response::DecisionId).string().not_null())
            .col(ColumnDef::new(Response::StrategyId).string().not_null())
            .col(ColumnDef::new(Response::Kind).small_integer().not_null())
            .col(ColumnDef::new(Response::CustomerKey).string().not_null())
            .col(ColumnDef::new(Response::Time).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(Response::Tenant)
                    .col(Response::DecisionId)
                    .col(Response::StrategyId)
                    .col(Response::Kind),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Response::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Response {
    Table,
    Tenant,
    DecisionId,
    StrategyId,
    Kind,
    CustomerKey,
    Time,
}
