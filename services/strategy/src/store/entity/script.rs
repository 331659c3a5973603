//! The table `script`: the newest version of each.

use sea_orm::entity::prelude::*;

/// One script.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "script")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The script.
    #[sea_orm(primary_key, auto_increment = false)]
    pub script_id: String,
    /// The channel that it is written for.
    pub channel_id: String,
    /// The words.
    pub text: String,
    /// Who wrote this version.
    pub writer: String,
    /// Who signed it; empty = unsigned.
    pub signer: String,
    /// Grows by one with every change.
    pub revision: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
