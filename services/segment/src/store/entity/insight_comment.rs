//! The table `insight_comment`: the discussion of insights.

use sea_orm::entity::prelude::*;

/// One comment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "insight_comment")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The insight.
    #[sea_orm(primary_key, auto_increment = false)]
    pub insight_id: String,
    /// 1 and up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// The request that made it.
    pub request_id: String,
    /// Bytes of segment.v1.Comment.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
