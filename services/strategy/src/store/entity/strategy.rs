//! The table `strategy`.

use sea_orm::entity::prelude::*;

/// One strategy.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "strategy")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The strategy.
    #[sea_orm(primary_key, auto_increment = false)]
    pub strategy_id: String,
    /// The request that made it.
    pub request_id: String,
    /// The organisation path that owns it.
    pub owner_path: String,
    /// Where it stands, by its number in the contract.
    pub state: i32,
    /// True if the published map must not pick it any more.
    pub stopped: bool,
    /// Who wrote this revision.
    pub maker: String,
    /// Who approved it; empty before.
    pub checker: String,
    /// The checker's last word.
    pub comment: String,
    /// What was written: the encoded `Strategy`.
    pub body: Vec<u8>,
    /// Grows by one with every change.
    pub revision: i64,
    /// System time of the last change, in microseconds.
    pub update_time: i64,
}

/// No keys are foreign: every row stands by itself.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
