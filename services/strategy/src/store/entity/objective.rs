//! The table `objective`.

use sea_orm::entity::prelude::*;

/// One objective.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "objective")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The objective.
    #[sea_orm(primary_key, auto_increment = false)]
    pub objective_id: String,
    /// A name for people.
    pub display_name: String,
    /// The kind, by its number in the contract.
    pub kind: i32,
    /// Grows by one with every change.
    pub revision: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
