//! The table `membership_day`: how many joined and left a membership on a day.

use sea_orm::entity::prelude::*;

/// One membership's day.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_day")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The segment, the set or the clustering.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    /// Business day, counted from 1970-01-01.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i32,
    /// The membership.
    #[sea_orm(primary_key, auto_increment = false)]
    pub membership: String,
    /// How often customers joined.
    pub joined: i64,
    /// How often customers left.
    pub departed: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
