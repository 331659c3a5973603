//! The table `channel`.

use sea_orm::entity::prelude::*;

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "channel")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The channel.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: String,
    /// A name for people.
    pub display_name: String,
    /// Contacts a business day; 0 = without limit.
    pub daily_capacity: i64,
    /// Minute of the day at which marketing may begin.
    pub open_minute: i32,
    /// Minute of the day at which it must end; 0 = 1440.
    pub close_minute: i32,
    /// Cost of one contact in minor units.
    pub cost_minor: i64,
    /// The lower comes first where values tie.
    pub priority: i32,
    /// Grows by one with every change.
    pub revision: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
