//! Exposures: the first would-be pick of each customer and strategy, in both arms alike.

use sea_orm::entity::prelude::*;

/// The row of one customer's first would-be pick of a strategy.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "exposure")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The strategy.
    #[sea_orm(primary_key, auto_increment = false)]
    pub strategy_id: String,
    /// The customer's random key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_key: String,
    /// Business time of the decision, in microseconds.
    pub time: i64,
    /// The decision.
    pub decision_id: String,
    /// Left alone by all marketing.
    pub universal_held: bool,
    /// The universal holdout's share at the time; 0 = it does not touch the strategy.
    pub universal_share: f64,
    /// Left alone by this strategy.
    pub strategy_held: bool,
    /// The strategy holdout's share at the time.
    pub strategy_share: f64,
    /// With what probability it was picked.
    pub propensity: f64,
    /// The channel.
    pub channel_id: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
