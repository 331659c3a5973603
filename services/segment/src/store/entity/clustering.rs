//! The table `clustering`: clusterings as their newest fit left them.

use sea_orm::entity::prelude::*;

/// One clustering.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clustering")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The clustering.
    #[sea_orm(primary_key, auto_increment = false)]
    pub clustering_id: String,
    /// The request that made it.
    pub request_id: String,
    /// Encoded segment.v1.Clustering: only figures over many customers.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
