//! The table `clustering_job`: the fits of clusterings, waiting, running and done.

use sea_orm::entity::prelude::*;

/// One fit.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clustering_job")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The clustering.
    #[sea_orm(primary_key, auto_increment = false)]
    pub clustering_id: String,
    /// 1 for the first fit, and up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// The request that made it.
    pub request_id: String,
    /// Who asked for it.
    pub maker: String,
    /// The bits of its seed.
    pub seed: i64,
    /// A segment.v1.ClusteringState.
    pub state: i32,
    /// A segment.v1.ClusteringPhase.
    pub phase: i32,
    /// How much is done, 0 to 100.
    pub percent: i32,
    /// Why it failed; else empty.
    pub failure: String,
    /// The process that runs it; empty = none yet.
    pub claimed_by: String,
    /// System time of that process's last word, in microseconds since the epoch.
    pub beat: i64,
    /// System time at which it was asked for, in microseconds since the epoch.
    pub created: i64,
    /// System time at which it ended, likewise; 0 before.
    pub ended: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
