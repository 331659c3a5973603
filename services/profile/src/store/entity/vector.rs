//! Vectors as last published, with the accumulators that they were computed from.

use sea_orm::entity::prelude::*;

/// The row of a vector.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vector")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The accumulators' envelope: 0 = plain.
    pub state_format: i16,
    /// The accumulators' envelope: the key.
    pub state_key_id: String,
    /// The accumulators' envelope: a `window::State`.
    pub state: Vec<u8>,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: a `Vector`.
    pub payload: Vec<u8>,
    /// The feed position that has seen it.
    pub position: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
