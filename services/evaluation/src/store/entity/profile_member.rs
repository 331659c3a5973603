//! The table `profile_member`: customers who are or were part of a profile of several, and whose it is now.

use sea_orm::entity::prelude::*;

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profile_member")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's random key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_key: String,
    /// The random key of the customer whose profile it is part of; its own if it stands alone.
    pub root_key: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
