//! Creates table `assignment`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Assignment::Table)
            .col(ColumnDef::new(Assignment::Tenant).string().not_null())
            .col(ColumnDef::new(Assignment::ExperimentId).string().not_null())
            .col(ColumnDef::new(Assignment::CustomerKey).string().not_null())
            .col(ColumnDef::new(Assignment::Arm).string().not_null())
            .col(ColumnDef::new(Assignment::IntendedShare).double().not_null())
            .col(ColumnDef::new(Assignment::IsControl).boolean().not_null())
            .col(ColumnDef::new(Assignment::Time).big_integer().not_null())
            .primary_key(
                Index::create().col(Assignment::Tenant).col(Assignment::ExperimentId).col(Assignment::CustomerKey),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Assignment::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Assignment {
    Table,
    Tenant,
    ExperimentId,
    CustomerKey,
    Arm,
    IntendedShare,
    IsControl,
    Time,
}
