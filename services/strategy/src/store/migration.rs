//! The schema, step by step. A published step is never changed.

use huan_chassis::feed;
use sea_orm::DynIden;
use sea_orm_migration::prelude::*;

mod m20261122_000011_create_catalogue;
mod m20261122_000012_create_strategy;
mod m20261122_000013_create_customer;
mod m20261122_000014_create_decision;
mod m20261122_000015_create_experiment;

/// Brings the schema up to date.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            feed::migration(),
            feed::cursor_migration(),
            Box::new(m20261122_000011_create_catalogue::Migration),
            Box::new(m20261122_000012_create_strategy::Migration),
            Box::new(m20261122_000013_create_customer::Migration),
            Box::new(m20261122_000014_create_decision::Migration),
            Box::new(m20261122_000015_create_experiment::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "strategy_migration".into_iden()
    }
}
