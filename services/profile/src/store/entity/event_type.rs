//! Registered types of events.

use sea_orm::entity::prelude::*;

/// The row of a type of event.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_type")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Its number in the tenant, which stands for it in packed rows.
    pub number: i32,
    /// What it means.
    pub description: String,
    /// Whether reviews may measure it.
    pub is_outcome: bool,
    /// An `EventType` of its attributes, their openness and its questionnaire only.
    pub definition: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
