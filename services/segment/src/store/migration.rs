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
mod m20261128_000020_create_definition_version;
mod m20261128_000021_create_segment_source;
mod m20261128_000022_create_membership_code;
mod m20261128_000023_create_membership_state;
mod m20261128_000024_create_membership_move;
mod m20261128_000025_create_membership_day;
mod m20261128_000026_create_lease;
mod m20261128_000027_create_distribution;
mod m20261128_000028_create_insight;
mod m20261128_000030_create_dataset;
mod m20261128_000031_create_dataset_page;
mod m20261128_000032_create_model_version;
mod m20261128_000033_create_model_body;

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
            huan_chassis::feed::migration(),
            Box::new(m20261128_000010_create_clustering_job::Migration),
            Box::new(m20261128_000011_create_clustering_promotion::Migration),
            Box::new(m20261128_000020_create_definition_version::Migration),
            Box::new(m20261128_000021_create_segment_source::Migration),
            Box::new(m20261128_000022_create_membership_code::Migration),
            Box::new(m20261128_000023_create_membership_state::Migration),
            Box::new(m20261128_000024_create_membership_move::Migration),
            Box::new(m20261128_000025_create_membership_day::Migration),
            Box::new(m20261128_000026_create_lease::Migration),
            Box::new(m20261128_000027_create_distribution::Migration),
            Box::new(m20261128_000028_create_insight::Migration),
            Box::new(m20261128_000030_create_dataset::Migration),
            Box::new(m20261128_000031_create_dataset_page::Migration),
            Box::new(m20261128_000032_create_model_version::Migration),
            Box::new(m20261128_000033_create_model_body::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "segment_migration".into_iden()
    }
}
