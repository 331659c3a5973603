//! Snapshots: what was asked for, and how far the writing has come.

use sea_orm::entity::prelude::*;

/// The row of a snapshot.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshot")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its id, which grows with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub snapshot_id: String,
    /// The request that asked for it.
    pub request_id: String,
    /// `SnapshotState`.
    pub state: i16,
    /// The folder below the root; empty = the root itself.
    pub destination: String,
    /// Whether rows hold the bank's own number.
    pub include_bank_numbers: bool,
    /// A `Catalogue` of its features.
    pub catalogue: Vec<u8>,
    /// Business time in microseconds at which reading began; 0 = not yet.
    pub as_of_time: i64,
    /// The feed position taken before reading; empty = not yet.
    pub position: String,
    /// Customers when it began.
    pub customer_count: i64,
    /// Rows in finished parts.
    pub written_count: i64,
    /// Finished parts.
    pub part_count: i32,
    /// How often a customer was forgotten while it ran: a part that was being written then is written again.
    pub forgotten: i32,
    /// The process that writes it; empty = none.
    pub holder: String,
    /// System time in microseconds up to which the holder is believed to live.
    pub lease_time: i64,
    /// Where the manifest is; empty until the snapshot is whole.
    pub manifest: String,
    /// Why it failed.
    pub fault: String,
    /// System time in microseconds.
    pub create_time: i64,
    /// System time in microseconds; none while it runs.
    pub end_time: Option<i64>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
