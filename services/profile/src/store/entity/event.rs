//! Events. The key leads with the customer, so that the table can be partitioned by it; that each event is there once by
//! source and source id is the care of `ingest`. On SQLite the key has the time besides: a row that is there may not be
//! written again in its place.

use sea_orm::entity::prelude::*;

/// The row of an event.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The system it comes from.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// Its id there.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source_id: String,
    /// The registered type.
    pub event_type: String,
    /// Business time in microseconds.
    pub occur_time: i64,
    /// Amount in minor units; in the open, as it names nobody.
    pub amount_minor: i64,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: an `Event` of its attributes only; empty if it has none.
    pub payload: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
