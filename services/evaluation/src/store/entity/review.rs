//! Reviews: what was measured, as it was answered.

use sea_orm::entity::prelude::*;

/// The row of one review.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "review")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The review.
    #[sea_orm(primary_key, auto_increment = false)]
    pub review_id: String,
    /// The request that made it.
    pub request_id: String,
    /// System time of the measurement, in microseconds.
    pub create_time: i64,
    /// The whole `Review`, encoded.
    pub body: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
