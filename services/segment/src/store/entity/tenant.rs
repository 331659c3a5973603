//! The table `tenant`: what is known of each tenant from profile's feed, and the revision of its definitions.

use sea_orm::entity::prelude::*;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Encoded profile.v1.Tenant; empty before it came.
    pub settings: Vec<u8>,
    /// Encoded profile.v1.Catalogue; empty before it came.
    pub catalogue: Vec<u8>,
    /// Grows by one with every change of a segment, a set or a clustering.
    pub revision: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
