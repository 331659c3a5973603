//! The dictionary of tags.

use sea_orm::entity::prelude::*;

/// The row of an entry.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_definition")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The tag's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The request that created it.
    pub request_id: String,
    /// What the tag means.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// What it is about; empty = not said.
    pub category: String,
    /// One bit a `TagAuthor` who may put it on, bit n for value n; 0 = all may.
    pub authors: i32,
    /// Business days after which it ends; 0 = never.
    pub lifetime_days: i32,
    /// Whether it is no longer put on.
    pub retired: bool,
    /// Grows by one with every change.
    pub revision: i64,
    /// System time in microseconds.
    pub create_time: i64,
    /// System time in microseconds.
    pub update_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
