//! Legal holds, lifted ones among them. They know the customer by the random key only, and outlive it.

use sea_orm::entity::prelude::*;

/// The row of a legal hold.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "legal_hold")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's random key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_key: String,
    /// Its id, which rises with system time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hold_id: String,
    /// The request that placed it.
    pub request_id: String,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// System time in microseconds.
    pub place_time: i64,
    /// Who lifted it; empty while it holds.
    pub lifted_by: String,
    /// System time in microseconds; none while it holds.
    pub lift_time: Option<i64>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
