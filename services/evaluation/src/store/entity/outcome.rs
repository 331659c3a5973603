//! Outcomes: events that reviews measure.

use sea_orm::entity::prelude::*;

/// The row of one event.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outcome")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The system it comes from.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// Its id there.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// Its type.
    pub event_type: String,
    /// Amount in the tenant's minor units.
    pub amount_minor: i64,
    /// Business time at which it happened, in microseconds.
    pub time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
