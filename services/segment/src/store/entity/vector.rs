//! The table `vector`: every customer's newest vector.

use sea_orm::entity::prelude::*;

/// One customer's vector.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vector")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer that this one was merged into, whose vector answers for it; empty = none.
    pub root_id: String,
    /// The organisation path that owns the customer.
    pub owner_path: String,
    /// The customer's place in bitmaps: by first sight from 0, and never another's.
    pub ordinal: i64,
    /// Business time of the vector, in microseconds since the epoch.
    pub as_of: i64,
    /// Feed position of the row that it came with; empty if that was a snapshot.
    pub position: String,
    /// Envelope: 0 = plain bytes of profile.v1.Vector.
    pub format: i16,
    /// Envelope: the customer's key; empty in format 0.
    pub key_id: String,
    /// Envelope: the payload.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether the row only keeps the ordinal of an erased customer, under the random key that was the customer's.
    pub fn is_erased(&self) -> bool {
        self.customer_key.is_empty()
    }
}
