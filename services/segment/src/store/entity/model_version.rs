//! The table `model_version`: versions of models, how they stand and what they are used for.

use sea_orm::entity::prelude::*;

/// One version without what was learned.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model_version")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: String,
    /// 1 and up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// The request that made it.
    pub request_id: String,
    /// The number of a ModelState.
    pub state: i32,
    /// The number of a Stage.
    pub stage: i32,
    /// How much of the training is done, in thousandths.
    pub progress: i32,
    /// Grows by one with every change of state or stage.
    pub revision: i64,
    /// The process that trains it; empty = none yet.
    pub holder: String,
    /// System time until which that process has it, in microseconds since the epoch.
    pub held_until: i64,
    /// Who made it.
    pub maker: String,
    /// Who moved it to its stage; empty = nobody.
    pub checker: String,
    /// Encoded segment.v1.ModelVersion: all that is not in a column here.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
