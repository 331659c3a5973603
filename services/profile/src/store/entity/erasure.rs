//! Erasures. A record names nobody: the customer_key stands for customers who are no more.

use sea_orm::entity::prelude::*;

/// The row of an erasure.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its id, which rises with system time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub erasure_id: String,
    /// The request that asked for it.
    pub request_id: String,
    /// The random key of the customer that it was asked for.
    pub customer_key: String,
    /// `ErasureState`.
    pub state: i16,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: String,
    /// System time in microseconds.
    pub request_time: i64,
    /// System time in microseconds at which the rows went.
    pub erase_time: Option<i64>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
