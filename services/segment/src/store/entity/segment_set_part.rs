//! The table `segment_set_part`: the parts of segment sets in their order.

use sea_orm::entity::prelude::*;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "segment_set_part")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_set_id: String,
    /// Its place in the set, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i32,
    /// The part.
    pub part_id: String,
    /// A name for people.
    pub display_name: String,
    /// The rule.
    pub rule: String,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
