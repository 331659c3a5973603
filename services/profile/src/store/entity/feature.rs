//! Features of the tenants' catalogues, deleted ones among them: a number is never given again.

use sea_orm::entity::prelude::*;

/// The row of a feature.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "feature")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its number, which stands for it in vectors.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// Its name, unique among those that are not deleted.
    pub name: String,
    /// The request that created it; none if it came with a template.
    pub request_id: Option<String>,
    /// `FeatureState`.
    pub state: i16,
    /// The number of the filtered or distinct measure in the packed rows that it reads; 0 = the plain ones.
    pub measure: i32,
    /// A `Feature` without state and progress. It names no customer, so it needs no envelope.
    pub definition: Vec<u8>,
    /// The customer up to which its present step has come; empty = not begun.
    pub reached: String,
    /// How many customers its present step has done.
    pub done: i64,
    /// How many there were when the step began.
    pub total: i64,
    /// System time in microseconds.
    pub create_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
