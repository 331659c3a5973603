//! The finished parts of snapshots, each a file of the customers between two numbers.

use sea_orm::entity::prelude::*;

/// The row of a part.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshot_part")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The snapshot.
    #[sea_orm(primary_key, auto_increment = false)]
    pub snapshot_id: String,
    /// Its number, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i32,
    /// The number of its first customer.
    pub first_customer_id: String,
    /// The number of its last customer, after which the next part begins.
    pub last_customer_id: String,
    /// Rows.
    pub row_count: i64,
    /// Bytes of the file.
    pub byte_count: i64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
