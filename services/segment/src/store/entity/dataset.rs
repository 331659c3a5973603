//! The table `dataset`: what labelled rows are of, and how many there are.

use sea_orm::entity::prelude::*;

/// One dataset without its rows.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dataset")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: String,
    /// The request that made it.
    pub request_id: String,
    /// Who made it.
    pub maker: String,
    /// Whether it never changes any more.
    pub sealed: bool,
    /// How many rows it has.
    pub row_count: i64,
    /// How many of them have a true label.
    pub positives: i64,
    /// How many of them were treated.
    pub treated: i64,
    /// How many of them were left alone.
    pub control: i64,
    /// Encoded segment.v1.Dataset as it was created.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
