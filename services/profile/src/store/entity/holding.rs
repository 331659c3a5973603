//! Holdings. The bank's id of one, an account number, lies in the envelope and is found by its keyed hash.

use sea_orm::entity::prelude::*;

/// The row of a holding.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "holding")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Keyed hash of the holding's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub holding_hash: String,
    /// The customer.
    pub customer_id: String,
    /// What it is.
    pub kind: String,
    /// The product or variant; empty = none.
    pub product_id: String,
    /// The day it was opened.
    pub open_day: i32,
    /// The day it was closed.
    pub close_day: Option<i32>,
    /// Balance in minor units; in the open, as it names nobody.
    pub balance_minor: i64,
    /// A state of its own kind; empty = none.
    pub status: String,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: a `Holding` of its id only.
    pub payload: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
