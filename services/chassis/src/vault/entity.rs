//! The table `data_key`, alone in the database of keys.

use sea_orm::entity::prelude::*;

/// One wrapped key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "data_key")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The key's id: the random key that stands for its customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    /// The master under which it is wrapped.
    pub master_id: String,
    /// Nonce, then the sealed key.
    pub wrapped: Vec<u8>,
    /// System time in microseconds.
    pub create_time: i64,
}

/// Nothing refers to a key but by its id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
