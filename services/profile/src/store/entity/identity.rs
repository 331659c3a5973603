//! Identities. The value lies in the envelope and is found by its keyed hash.

use sea_orm::entity::prelude::*;

/// The row of an identity.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The naming system.
    #[sea_orm(primary_key, auto_increment = false)]
    pub namespace: String,
    /// Keyed hash of the value.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value_hash: String,
    /// The customer.
    pub customer_id: String,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: an `Identity`.
    pub payload: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
