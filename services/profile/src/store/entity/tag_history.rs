//! What tags were on customers, as they were, from when to when. A row is begun when a tag is put on, and closed when
//! it is taken off or put on by another.

use sea_orm::entity::prelude::*;

/// The row of a stretch of time in which a tag was on.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_history")]
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
    /// System time in microseconds at which it was put on.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attach_time: i64,
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
    /// System time in microseconds at which it was taken off; `i64::MAX` = it was not.
    pub detach_time: i64,
    /// The user or service that took it off; empty = nobody.
    pub detached_by: String,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
