//! Customers. What describes the person or company (person, attributes) lies in the envelope.

use sea_orm::entity::prelude::*;

/// The row of a customer.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The bank's own number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The random key that stands for the customer.
    pub customer_key: String,
    /// The request that created it; none if imported.
    pub request_id: Option<String>,
    /// `CustomerType`.
    pub customer_type: i16,
    /// The organisation path that owns the customer.
    pub owner_path: String,
    /// The relationship manager's user id; empty = none.
    pub manager_id: String,
    /// `RiskLevel`.
    pub risk_level: i16,
    /// One bit a `Gate`, bit n for value n.
    pub gates: i32,
    /// Whether personalisation was refused.
    pub personalisation_refused: bool,
    /// The day on which the relationship began.
    pub open_day: Option<i32>,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: a `Customer` of person, attributes and company only.
    pub payload: Vec<u8>,
    /// The customer whose profile it is part of; itself if it was not merged into another.
    pub root_id: String,
    /// How many others are part of its profile.
    pub absorbed: i32,
    /// System time in microseconds of the newest merge that holds its profile together; 0 = none.
    pub merge_time: i64,
    /// Grows by one with every change.
    pub revision: i64,
    /// System time in microseconds.
    pub create_time: i64,
    /// System time in microseconds.
    pub update_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
