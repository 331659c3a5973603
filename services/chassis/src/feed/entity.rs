//! The table `feed`: the outbox of a service.

use sea_orm::entity::prelude::*;

/// One row of the feed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed")]
pub struct Model {
    /// The position, given by the database.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// The tenant.
    pub tenant: String,
    /// What kind of change, in the publisher's words.
    pub kind: i32,
    /// The customer's number at the bank; empty if about no customer.
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer's partition, 0..63.
    pub partition: i32,
    /// The organisation path that owns the customer.
    pub owner_path: String,
    /// W3C trace context of the request that made the row.
    pub traceparent: String,
    /// How the payload is kept: 0 = plain.
    pub format: i16,
    /// The key under which the payload is encrypted; empty in format 0.
    pub key_id: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// System time of writing, in microseconds since the epoch.
    pub written: i64,
}

/// A feed refers to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
