//! The table `tenant`: each tenant's clock, and which map of it holds.

use sea_orm::entity::prelude::*;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// IANA name of the zone whose days count.
    pub time_zone: String,
    /// 0 = system time, 1 = system time plus `clock_micros`, 2 = always `clock_micros`.
    pub clock_kind: i16,
    /// The offset or the fixed moment, in microseconds.
    pub clock_micros: i64,
    /// What is allowed where a customer said nothing: one bit a purpose of profile's.
    pub consent_defaults: i32,
    /// Number of the published map; 0 = none.
    pub map_number: i64,
    /// Grows whenever the map, or which of its strategies are stopped, changes.
    pub epoch: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
