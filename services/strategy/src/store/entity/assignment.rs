//! The table `assignment`: who was assigned to which arm elsewhere.

use sea_orm::entity::prelude::*;

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assignment")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The experiment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub experiment_id: String,
    /// The arm.
    pub arm: String,
    /// Business time, in microseconds.
    pub assign_time: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
