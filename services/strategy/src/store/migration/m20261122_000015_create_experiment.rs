//! Makes the tables of experiments and assignments.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000015_create_experiment"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(experiment()).await?;
        manager
            .create_index(index(
                "experiment_request",
                Experiment::Table,
                true,
                [Experiment::Tenant, Experiment::RequestId],
            ))
            .await?;
        manager.create_table(assignment()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Assignment::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Experiment::Table).to_owned()).await?;
        Ok(())
    }
}

fn experiment() -> TableCreateStatement {
    Table::create()
        .table(Experiment::Table)
        .col(ColumnDef::new(Experiment::Tenant).string().not_null())
        .col(ColumnDef::new(Experiment::ExperimentId).string().not_null())
        .col(ColumnDef::new(Experiment::RequestId).string().not_null())
        .col(ColumnDef::new(Experiment::Body).blob().not_null())
        .primary_key(Index::create().col(Experiment::Tenant).col(Experiment::ExperimentId))
        .to_owned()
}

fn assignment() -> TableCreateStatement {
    Table::create()
        .table(Assignment::Table)
        .col(ColumnDef::new(Assignment::Tenant).string().not_null())
        .col(ColumnDef::new(Assignment::CustomerId).string().not_null())
        .col(ColumnDef::new(Assignment::ExperimentId).string().not_null())
        .col(ColumnDef::new(Assignment::Arm).string().not_null())
        .col(ColumnDef::new(Assignment::AssignTime).big_integer().not_null())
        .primary_key(Index::create().col(Assignment::Tenant).col(Assignment::CustomerId).col(Assignment::ExperimentId))
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
enum Experiment {
    Table,
    Tenant,
    ExperimentId,
    RequestId,
    Body,
}

#[derive(DeriveIden)]
enum Assignment {
    Table,
    Tenant,
    CustomerId,
    ExperimentId,
    Arm,
    AssignTime,
}
