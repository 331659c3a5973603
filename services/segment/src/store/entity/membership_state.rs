//! The table `membership_state`: what every customer was last known to belong to.

use sea_orm::entity::prelude::*;

/// What one customer belongs to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_state")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer, by its place in bitmaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i64,
    /// The codes of the memberships, ascending, as little-endian 32-bit numbers.
    pub codes: Vec<u8>,
    /// How many rows of `membership_move` the customer has had.
    pub moves: i64,
    /// Feed position of the row that it was last changed by; empty before the first.
    pub position: String,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
