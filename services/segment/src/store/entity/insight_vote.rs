//! The table `insight_vote`: what users voted.

use sea_orm::entity::prelude::*;

/// One user's vote on one insight.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "insight_vote")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The insight.
    #[sea_orm(primary_key, auto_increment = false)]
    pub insight_id: String,
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// segment.v1.Vote.
    pub vote: i16,
    /// System time, in microseconds since the epoch.
    pub voted: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
