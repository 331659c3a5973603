//! Packed rows: what happened to one customer on one day.

use sea_orm::entity::prelude::*;

/// The row of a packed row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_day")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The business day, in days since 1970-01-01.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i32,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: a `window::Day`.
    pub packed: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
