//! The schema's history. A published migration is never edited.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a table may have a column of its own name")]

mod m20261122_000001_create_tenant;
mod m20261122_000002_create_vector;
mod m20261122_000003_create_segment;
mod m20261122_000004_create_segment_set;
mod m20261122_000005_create_clustering;
mod m20261122_000006_create_membership_version;
mod m20261128_000010_create_clustering_job;
mod m20261128_000011_create_clustering_promotion;

use sea_orm_migration::prelude::*;

/// All migrations of this service, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            huan_chassis::feed::cursor_migration(),
            Box::new(m20261122_000001_create_tenant::Migration),
            Box::new(m20261122_000002_create_vector::Migration),
            Box::new(m20261122_000003_create_segment::Migration),
            Box::new(m20261122_000004_create_segment_set::Migration),
            Box::new(m20261122_000005_create_clustering::Migration),
            Box::new(m20261122_000006_create_membership_version::Migration),
            Box::new(m20261128_000010_create_clustering_job::Migration),
            Box::new(m20261128_000011_create_clustering_promotion::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "segment_migration".into_iden()
    }
}
