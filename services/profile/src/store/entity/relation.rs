//! Relations, one row at each end, so that the rows of a customer lie together whichever end it is.

use sea_orm::entity::prelude::*;

/// The row of a relation at one of its ends.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "relation")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer at this end.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// `RelationDirection`: which end this is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub direction: i16,
    /// `RelationType`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub relation_type: i16,
    /// The customer at the other end.
    #[sea_orm(primary_key, auto_increment = false)]
    pub other_id: String,
    /// `ContactKind`; 0 = not a contact person.
    pub contact_kind: i16,
    /// The first day on which it held; none = always.
    pub start_day: Option<i32>,
    /// The day from which it no longer holds; none = it holds.
    pub end_day: Option<i32>,
    /// How strong.
    pub weight: f64,
    /// Who or what says so.
    pub source: String,
    /// System time in microseconds.
    pub create_time: i64,
    /// System time in microseconds.
    pub update_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
