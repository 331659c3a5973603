//! The table `experiment`: campaigns decided elsewhere.

use sea_orm::entity::prelude::*;

/// One experiment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "experiment")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The experiment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub experiment_id: String,
    /// The request that made it.
    pub request_id: String,
    /// The encoded `Experiment`.
    pub body: Vec<u8>,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
