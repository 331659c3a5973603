//! The migrations of the evaluation store, in order. A published one is never edited.

#![allow(elided_lifetimes_in_paths, reason = "async_trait binds what is elided as the trait does")]

use sea_orm_migration::prelude::*;

mod m20260101_000001_create_exposure;
mod m20260101_000002_create_response;
mod m20260101_000003_create_assignment;
mod m20260101_000004_create_outcome;
mod m20260101_000005_create_review;
mod m20260101_000041_create_profile_member;

/// All of them.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            huan_chassis::feed::cursor_migration(),
            huan_chassis::directory::migration(),
            Box::new(m20260101_000001_create_exposure::Migration),
            Box::new(m20260101_000002_create_response::Migration),
            Box::new(m20260101_000003_create_assignment::Migration),
            Box::new(m20260101_000004_create_outcome::Migration),
            Box::new(m20260101_000005_create_review::Migration),
            Box::new(m20260101_000041_create_profile_member::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "evaluation_migration".into_iden()
    }
}
