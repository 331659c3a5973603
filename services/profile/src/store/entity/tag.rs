//! Tags on customers.

use sea_orm::entity::prelude::*;

/// The row of a tag on a customer.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tag")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Who or what says so.
    pub source: String,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Business time in microseconds from which it no longer holds; `i64::MAX` = never.
    pub expire_time: i64,
    /// `TagAuthor`; 0 = no lineage was given.
    pub author: i16,
    /// The author's id.
    pub author_id: String,
    /// The author's version.
    pub author_version: String,
    /// What it is said by.
    pub evidence: String,
    /// Business time in microseconds at which it was decided.
    pub decide_time: i64,
    /// The user or service that put it on.
    pub attached_by: String,
    /// System time in microseconds.
    pub create_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
