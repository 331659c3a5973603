//! Loads of wide tables, and how far each is.

use sea_orm::entity::prelude::*;

/// The row of a load.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "bulk_load")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub load_id: String,
    /// What the table is called.
    pub source: String,
    /// Tells the table from another of the same name.
    pub source_hash: String,
    /// `LoadState`.
    pub state: i16,
    /// The row to go on with, from 1.
    pub next_row: i64,
    /// Rows that brought a new customer.
    pub new_count: i64,
    /// Rows that changed something.
    pub changed_count: i64,
    /// Rows that said nothing new.
    pub same_count: i64,
    /// Rows that were refused.
    pub refused_count: i64,
    /// System time in microseconds.
    pub create_time: i64,
    /// System time in microseconds.
    pub update_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
