//! The table `dataset_page`: labelled rows as they were added, without any customer's number.

use sea_orm::entity::prelude::*;

/// One page of rows.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dataset_page")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: String,
    /// How many rows come before these.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_row: i64,
    /// Encoded segment.v1.AddRowsRequest with the rows alone.
    pub payload: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
