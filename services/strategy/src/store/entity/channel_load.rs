//! The table `channel_load`: contacts of each channel and business day, reserved ones among them.

use sea_orm::entity::prelude::*;

/// One channel on one day.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "channel_load")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The channel.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: String,
    /// The business day, in days since the epoch.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i32,
    /// How many contacts count.
    pub used: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
