//! Merges: edges from an absorbed customer to the one that survives. One that was taken back stays, and holds no more.

use sea_orm::entity::prelude::*;

/// The row of a merge.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "merge_edge")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The merge.
    #[sea_orm(primary_key, auto_increment = false)]
    pub merge_id: String,
    /// The request that made it; none if no request did.
    pub request_id: Option<String>,
    /// Who became part of the other's profile.
    pub absorbed: String,
    /// Whose profile it became part of.
    pub survivor: String,
    /// `MergeReason`.
    pub reason: i16,
    /// Whether it holds.
    pub holds: bool,
    /// Who made it.
    pub made_by: String,
    /// System time in microseconds; ascends among the merges of one profile.
    pub create_time: i64,
    /// Who took it back; empty = nobody.
    pub revoked_by: String,
    /// System time in microseconds; 0 = never.
    pub revoke_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
