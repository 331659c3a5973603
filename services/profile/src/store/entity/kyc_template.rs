//! The questions that tenants have set.

use sea_orm::entity::prelude::*;

/// The row of a tenant's questions.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kyc_template")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// A `KycTemplate` of questions only. Nothing personal.
    pub payload: Vec<u8>,
    /// Grows by one with every change.
    pub revision: i64,
    /// System time in microseconds.
    pub update_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
