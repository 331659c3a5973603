//! Consents: all that customers ever said, append-only.

use sea_orm::entity::prelude::*;

/// The row of one thing that a customer said.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "consent")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// Business time in microseconds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub decide_time: i64,
    /// `Purpose`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose: i16,
    /// The channel; empty = every channel that has none of its own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: String,
    /// Allowed or refused.
    #[sea_orm(primary_key, auto_increment = false)]
    pub allowed: bool,
    /// Business time in microseconds from which it no longer holds; `i64::MAX` = never.
    #[sea_orm(primary_key, auto_increment = false)]
    pub expire_time: i64,
    /// Where it was said.
    pub evidence: String,
    /// What took it down; empty = not said.
    pub source: String,
    /// System time in microseconds.
    pub record_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
