//! Pairs of customers that may be one, each once a reason.

use sea_orm::entity::prelude::*;

/// The row of a proposal.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "merge_proposal")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The proposal: a digest of the pair and the reason.
    #[sea_orm(primary_key, auto_increment = false)]
    pub proposal_id: String,
    /// The younger of the two.
    pub absorbed: String,
    /// The older of the two.
    pub survivor: String,
    /// `MergeReason`.
    pub reason: i16,
    /// `MergeProposalState`.
    pub state: i16,
    /// System time in microseconds.
    pub create_time: i64,
    /// Who decided; empty = nobody yet.
    pub decided_by: String,
    /// System time in microseconds; 0 = not yet.
    pub decide_time: i64,
    /// The merge that came of it; empty = none.
    pub merge_id: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
