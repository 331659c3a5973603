//! Responses: what became of picks.

use sea_orm::entity::prelude::*;

/// The row of one thing that became of a pick.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "response")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The decision.
    #[sea_orm(primary_key, auto_increment = false)]
    pub decision_id: String,
    /// The strategy.
    #[sea_orm(primary_key, auto_increment = false)]
    pub strategy_id: String,
    /// `ResponseKind`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    /// The customer's random key.
    pub customer_key: String,
    /// Business time, in microseconds.
    pub time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
