//! The table `response`: what became of picks.

use sea_orm::entity::prelude::*;

/// One response.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "response")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The request that told it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    /// The decision.
    pub decision_id: String,
    /// The strategy.
    pub strategy_id: String,
    /// What became of it, by its number in the contract.
    pub kind: i32,
    /// Business time, in microseconds.
    pub respond_time: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
