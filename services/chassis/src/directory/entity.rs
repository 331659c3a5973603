//! The table `customer_directory`.

use sea_orm::entity::prelude::*;

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_directory")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer's number at the bank.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer's partition, 0..63.
    pub partition: i32,
    /// The organisation path that owns the customer.
    pub owner_path: String,
}

/// No table refers to another service's customers.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
