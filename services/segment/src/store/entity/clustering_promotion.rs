//! The table `clustering_promotion`: which segment sets were made of which clusterings.

use sea_orm::entity::prelude::*;

/// One set that was made.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clustering_promotion")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The clustering.
    #[sea_orm(primary_key, auto_increment = false)]
    pub clustering_id: String,
    /// The set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_set_id: String,
    /// The fit whose rules it was made of.
    pub version: i64,
    /// Who made it.
    pub promoter: String,
    /// Who approved the fit.
    pub checker: String,
    /// System time of it, in microseconds since the epoch.
    pub promoted: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
