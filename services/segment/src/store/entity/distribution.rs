//! The table `distribution`: how the values of features lay when a build was made.

use sea_orm::entity::prelude::*;

/// One feature's values at one build.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "distribution")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The segment or the set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    /// The build.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// The feature.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feature: String,
    /// Bytes of the bins: see `distribution::Distribution`.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
