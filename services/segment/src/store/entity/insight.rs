//! The table `insight`: insights.

use sea_orm::entity::prelude::*;

/// One insight.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "insight")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The insight.
    #[sea_orm(primary_key, auto_increment = false)]
    pub insight_id: String,
    /// The request that made it.
    pub request_id: String,
    /// 1 for the tenant's first, and up.
    pub number: i64,
    /// segment.v1.InsightStatus.
    pub status: i16,
    /// Grows by one with every verdict.
    pub revision: i64,
    /// Bytes of segment.v1.Insight without evidence, comments and votes.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
