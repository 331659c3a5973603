//! The table `customer`: what decisions must know of each customer, as profile's feed tells it.

use huan_chassis::vault::{Envelope, Enveloped};
use sea_orm::entity::prelude::*;

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer whose profile this one is part of; itself if it was not merged into another.
    pub root_id: String,
    /// True if it is or was part of a profile of several.
    pub merged: bool,
    /// The customer's partition, 0..63.
    pub partition: i32,
    /// The organisation path that owns the customer.
    pub owner_path: String,
    /// How the payload is kept: 0 = plain, 1 = sealed.
    pub format: i16,
    /// The key under which the payload is sealed: the customer's random key.
    pub key_id: String,
    /// The encoded `Standing`.
    pub payload: Vec<u8>,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Enveloped for Model {
    const TABLE: &'static str = "customer";

    fn whose(&self) -> (&str, &str) {
        (&self.tenant, &self.customer_id)
    }

    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
        let Self { format, key_id, payload, .. } = self;
        std::iter::once(Envelope { format, key_id, payload })
    }

    fn key(&self) -> &str {
        &self.key_id
    }
}
