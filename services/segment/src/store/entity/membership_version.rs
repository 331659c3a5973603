//! The table `membership_version`: every build of every membership, as a bitmap of ordinals.

use sea_orm::entity::prelude::*;

/// One build of one membership.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_version")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The membership.
    #[sea_orm(primary_key, auto_increment = false)]
    pub membership: String,
    /// 1 and up; the parts of one set and the clusters of one clustering share it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// The segment, the set or the clustering that the membership belongs to.
    pub owner_id: String,
    /// The members: a roaring bitmap of ordinals in its portable form.
    pub bitmap: Vec<u8>,
    /// How many customers were looked at.
    pub population: i64,
    /// How many belong.
    pub members: i64,
    /// How many joined since the version before.
    pub joined: i64,
    /// How many left since the version before.
    pub departed: i64,
    /// Business time at which it was made, in microseconds since the epoch.
    pub as_of: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
