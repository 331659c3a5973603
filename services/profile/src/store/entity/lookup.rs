//! What customers are searched by: keyed hashes of their normalised names, telephone numbers and identity documents.

use sea_orm::entity::prelude::*;

/// The row of a value of one customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, DeriveEntityModel)]
#[sea_orm(table_name = "lookup")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// 1 = name, 2 = telephone number, 3 = identity document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    /// Keyed hash of the normalised value.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value_hash: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
