//! The table `membership_move`: who joined and left what, and when.

use sea_orm::entity::prelude::*;

/// Everything that one customer joined and left at one moment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_move")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer, by its place in bitmaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i64,
    /// 1 for the customer's first, and up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// Business time, in microseconds since the epoch.
    pub moved: i64,
    /// Business day, counted from 1970-01-01.
    pub day: i32,
    /// Bytes of segment.v1.Move.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
