//! The table `segment_set`: segment sets, without their parts.

use sea_orm::entity::prelude::*;

/// One set.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "segment_set")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_set_id: String,
    /// A name for people.
    pub display_name: String,
    /// Grows by one with every change.
    pub revision: i64,
    /// The request that made it.
    pub request_id: String,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
