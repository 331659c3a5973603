//! Tombstones: that a customer was erased, without saying who it was. A load that brings the number again is refused.

use sea_orm::entity::prelude::*;

/// The row of an erased customer.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tombstone")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Keyed hash of the customer_id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_hash: String,
    /// The random key that stood for the customer.
    pub customer_key: String,
    /// The customer's partition, 0..63.
    pub partition: i32,
    /// The erasure.
    pub erasure_id: String,
    /// System time in microseconds.
    pub erase_time: i64,
    /// Envelope: 0 = plain, 1 = sealed.
    pub format: i16,
    /// Envelope: the customer's key, which the erasure destroys last.
    pub key_id: String,
    /// Envelope: the customer_id, for an erasure that was cut short; nothing can read it once that is done.
    pub payload: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
