//! The table `segment_source`: segments that are no rules: lists and clusters.

use roaring::RoaringBitmap;
use sea_orm::entity::prelude::*;

/// Whom a segment without a rule consists of.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "segment_source")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The segment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_id: String,
    /// The clustering's membership; empty = a list.
    pub cluster: String,
    /// Whether the list takes nobody more.
    pub frozen: bool,
    /// The customers on the list: a roaring bitmap of ordinals in its portable form.
    pub bitmap: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The customers on the list, by ordinal; nobody until it is frozen.
    pub fn members(&self) -> RoaringBitmap {
        if self.frozen { self.customers() } else { RoaringBitmap::new() }
    }

    /// The customers on the list, by ordinal, frozen or not.
    pub fn customers(&self) -> RoaringBitmap {
        RoaringBitmap::deserialize_from(self.bitmap.as_slice()).unwrap_or_default()
    }
}
