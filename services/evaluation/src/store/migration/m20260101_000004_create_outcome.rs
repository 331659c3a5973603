//! Creates table `outcome`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Outcome::Table)
            .col(ColumnDef::new(Outcome::Tenant).string().not_null())
            .col(ColumnDef::new(Outcome::Source).string().not_null())
            .col(ColumnDef::new(Outcome::SourceId).string().not_null())
            .col(ColumnDef::new(Outcome::CustomerKey).string().not_null())
            .col(ColumnDef::new(Outcome::EventType).string().not_null())
            .col(ColumnDef::new(Outcome::AmountMinor).big_integer().not_null())
            .col(ColumnDef::new(Outcome::Time).big_integer().not_null())
            .primary_key(Index::create().col(Outcome::Tenant).col(Outcome::Source).col(Outcome::SourceId))
            .to_owned();
        manager.create_table(table).await?;
        let measured = Index::create()
            .name("outcome_measured")
            .table(Outcome::Table)
            .col(Outcome::Tenant)
            .col(Outcome::EventType)
            .col(Outcome::CustomerKey)
            .col(Outcome::Time)
            .col(Outcome::AmountMinor)
            .to_owned();
        manager.create_index(measured).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Outcome::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Outcome {
    Table,
    Tenant,
    Source,
    SourceId,
    CustomerKey,
    EventType,
    AmountMinor,
    Time,
}
