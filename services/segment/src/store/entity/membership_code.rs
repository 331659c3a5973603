//! The table `membership_code`: numbers that stand for memberships where many are kept.

use sea_orm::entity::prelude::*;

/// One membership's number.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_code")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The membership.
    #[sea_orm(primary_key, auto_increment = false)]
    pub membership: String,
    /// 1 and up, and never another's.
    pub code: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
