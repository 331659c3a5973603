//! The migrations of the profile store, in order. A published one is never edited.

use sea_orm_migration::prelude::*;

mod m20260101_000001_create_tenant;
mod m20260101_000002_create_customer;
mod m20260101_000003_create_identity;
mod m20260101_000004_create_holding;
mod m20260101_000005_create_consent;
mod m20260101_000006_create_event_type;
mod m20260101_000007_create_event;
mod m20260101_000008_create_event_day;
mod m20260101_000009_create_vector;
mod m20260101_000010_create_tag;
mod m20260101_000011_create_feature;
mod m20260101_000020_create_relation;
mod m20260101_000030_create_dead_letter;
mod m20260101_000041_create_merge_edge;
mod m20260101_000042_create_merge_proposal;
mod m20260101_000043_create_lookup;
mod m20260101_000040_create_snapshot;
mod m20260101_000021_create_tag_history;
mod m20260101_000022_create_tag_definition;
mod m20260101_000023_create_kyc_template;
mod m20260101_000024_create_kyc_answer;
mod m20260101_000045_create_bulk_load;
mod m20260101_000050_create_erasure;
mod m20260101_000051_create_tombstone;
mod m20260101_000052_create_legal_hold;

/// All of them.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            huan_chassis::feed::migration(),
            Box::new(m20260101_000001_create_tenant::Migration),
            Box::new(m20260101_000002_create_customer::Migration),
            Box::new(m20260101_000003_create_identity::Migration),
            Box::new(m20260101_000004_create_holding::Migration),
            Box::new(m20260101_000005_create_consent::Migration),
            Box::new(m20260101_000006_create_event_type::Migration),
            Box::new(m20260101_000007_create_event::Migration),
            Box::new(m20260101_000008_create_event_day::Migration),
            Box::new(m20260101_000009_create_vector::Migration),
            Box::new(m20260101_000010_create_tag::Migration),
            Box::new(m20260101_000011_create_feature::Migration),
            Box::new(m20260101_000020_create_relation::Migration),
            Box::new(m20260101_000030_create_dead_letter::Migration),
            Box::new(m20260101_000041_create_merge_edge::Migration),
            Box::new(m20260101_000042_create_merge_proposal::Migration),
            Box::new(m20260101_000043_create_lookup::Migration),
            Box::new(m20260101_000040_create_snapshot::Migration),
            Box::new(m20260101_000021_create_tag_history::Migration),
            Box::new(m20260101_000022_create_tag_definition::Migration),
            Box::new(m20260101_000023_create_kyc_template::Migration),
            Box::new(m20260101_000024_create_kyc_answer::Migration),
            Box::new(m20260101_000045_create_bulk_load::Migration),
            Box::new(m20260101_000050_create_erasure::Migration),
            Box::new(m20260101_000051_create_tombstone::Migration),
            Box::new(m20260101_000052_create_legal_hold::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "profile_migration".into_iden()
    }
}
