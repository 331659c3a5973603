//! The table `lease`: work that one replica at a time does.

use sea_orm::entity::prelude::*;

/// One partition of some work.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    /// The work.
    #[sea_orm(primary_key, auto_increment = false)]
    pub work: String,
    /// The partition of customers.
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition: i32,
    /// The replica that does it.
    pub owner: String,
    /// System time until which the owner may, in microseconds since the epoch.
    pub expires: i64,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
