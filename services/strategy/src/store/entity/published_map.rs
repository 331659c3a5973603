//! The table `published_map`: every publish, for ever.

use sea_orm::entity::prelude::*;

/// One published map.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "published_map")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Number of the publish, 1 and up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// SHA-256 of the content in hex.
    pub version: String,
    /// The encoded `MapContent`.
    pub content: Vec<u8>,
    /// Who published it.
    pub publisher: String,
    /// System time of the publish, in microseconds.
    pub publish_time: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
