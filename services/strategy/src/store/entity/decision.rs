//! The table `decision`: every decision with its record.

use huan_chassis::vault::{Envelope, Enveloped};
use sea_orm::entity::prelude::*;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decision")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The decision; rises with system time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub decision_id: String,
    /// The request that called for it.
    pub request_id: String,
    /// How it ended, by its number in the contract.
    pub status: i32,
    /// True if there is any would-be pick.
    pub exposed: bool,
    /// Business time, in microseconds.
    pub decide_time: i64,
    /// How the payload is kept: 0 = plain, 1 = sealed.
    pub format: i16,
    /// The key under which the payload is sealed: the customer's random key.
    pub key_id: String,
    /// The encoded `DecisionRecord`.
    pub payload: Vec<u8>,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Enveloped for Model {
    const TABLE: &'static str = "decision";

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
