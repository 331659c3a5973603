//! The table `contact`: what was said, is reserved to be said or was withheld, and to whom.

use sea_orm::entity::prelude::*;

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The decision.
    #[sea_orm(primary_key, auto_increment = false)]
    pub decision_id: String,
    /// The strategy.
    #[sea_orm(primary_key, auto_increment = false)]
    pub strategy_id: String,
    /// The channel.
    pub channel_id: String,
    /// True for marketing, false for service and care.
    pub marketing: bool,
    /// The business day, in days since the epoch.
    pub day: i32,
    /// 0 = reserved, 1 = confirmed, 2 = freed, 3 = withheld.
    pub state: i16,
    /// System time from which a reservation no longer counts, in microseconds.
    pub expire_time: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
