//! The table `feed_cursor`: how far each consumer of this service has read.

use sea_orm::{Set, entity::prelude::*, sea_query::OnConflict};

use super::Position;
use crate::{
    Result,
    clock::{micros, system_now},
    store::{Store, Tx},
};

/// How far one consumer has read.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed_cursor")]
pub struct Model {
    /// The feed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feed: String,
    /// Where to go on.
    pub cursor: String,
    /// System time of writing, in microseconds since the epoch.
    pub written: i64,
}

/// A cursor refers to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Reads where to go on; None before the first snapshot is complete.
pub(super) async fn load(store: &Store, feed: &str) -> Result<Option<Position>> {
    let found = Entity::find_by_id(feed.to_owned()).one(store.read()).await?;
    found.map(|found| found.cursor.parse()).transpose()
}

/// Notes where to go on, in the transaction that applied what came before.
pub(super) async fn save(tx: &Tx, feed: &str, position: Position) -> Result<()> {
    let row = ActiveModel {
        feed: Set(feed.to_owned()),
        cursor: Set(position.to_string()),
        written: Set(micros(system_now())),
    };
    let replace = OnConflict::column(Column::Feed).update_columns([Column::Cursor, Column::Written]).to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(&**tx).await?;
    Ok(())
}
