//! The table `definition_version`: what segments and sets were at each of their revisions.

use sea_orm::entity::prelude::*;

/// One revision of a segment or set.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "definition_version")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The segment or the set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    /// Its revision.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// The definition: bytes of segment.v1.Segment or segment.v1.SegmentSet, without builds.
    pub payload: Vec<u8>,
    /// Who wrote it.
    pub changed_by: String,
    /// System time, in microseconds since the epoch.
    pub changed: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
