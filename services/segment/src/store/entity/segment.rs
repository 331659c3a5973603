//! The table `segment`: segments.

use sea_orm::entity::prelude::*;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "segment")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The segment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_id: String,
    /// A name for people.
    pub display_name: String,
    /// The rule.
    pub rule: String,
    /// Grows by one with every change.
    pub revision: i64,
    /// The request that made it.
    pub request_id: String,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
