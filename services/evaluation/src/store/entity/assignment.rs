//! Assignments: which arm of an experiment each customer is in; the first one stays.

use sea_orm::entity::prelude::*;

/// The row of one customer's assignment.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "assignment")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The experiment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub experiment_id: String,
    /// The customer's random key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_key: String,
    /// The arm.
    pub arm: String,
    /// The arm's intended share.
    pub intended_share: f64,
    /// Whether the arm is the control.
    pub is_control: bool,
    /// Business time of the assignment, in microseconds.
    pub time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
