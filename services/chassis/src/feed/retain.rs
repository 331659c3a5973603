//! Deleting what is older than a feed's retention. It owns `feed_floor`, the highest position deleted, which tells a
//! late watcher that it has missed something even if the feed is empty.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::entity;
use crate::{
    Result,
    clock::{micros, system_now},
    config,
    store::Store,
};

/// Rows deleted in one transaction, so that writers do not wait long.
const BATCH: u64 = 1_000;
/// How often old rows are looked for.
const EVERY: Duration = Duration::from_secs(60);

/// The table `feed_floor`, which has one row.
pub mod floor {
    use sea_orm::entity::prelude::*;

    /// The highest position deleted.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed_floor")]
    pub struct Model {
        /// Always 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        /// The highest position deleted; 0 before the first.
        pub seq: i64,
    }

    /// The floor refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Deletes what is older than `retention_hours` every minute, until the store is closed.
pub async fn retain(store: Store, config: config::Feed) {
    let hours = i64::try_from(config.retention_hours).unwrap_or(i64::MAX);
    let retention = TimeDelta::try_hours(hours).unwrap_or(TimeDelta::MAX);
    let closed = store.closed();
    tokio::pin!(closed);
    loop {
        let pass = async {
            if let Some(before) = system_now().checked_sub_signed(retention)
                && let Err(error) = delete_before(&store, before).await
            {
                tracing::warn!(%error, "feed retention failed, trying again later");
            }
            tokio::time::sleep(EVERY).await;
        };
        tokio::select! {
            () = &mut closed => return,
            () = pass => {}
        }
    }
}

/// Deletes rows from the oldest on, until one was written at or after a time. Answers how many.
pub async fn delete_before(store: &Store, before: DateTime<Utc>) -> Result<u64> {
    let mut deleted = 0;
    while let Some(last) = last_of_batch(store, micros(before)).await? {
        let tx = store.begin().await?;
        // Never down: another replica may have been here.
        let raise = floor::Entity::update_many().col_expr(floor::Column::Seq, Expr::value(last));
        raise.filter(floor::Column::Seq.lt(last)).exec(&*tx).await?;
        deleted += entity::Entity::delete_many().filter(entity::Column::Seq.lte(last)).exec(&*tx).await?.rows_affected;
        tx.commit().await?;
    }
    Ok(deleted)
}

/// The last of the oldest rows that were all written before a time.
async fn last_of_batch(store: &Store, before: i64) -> Result<Option<i64>> {
    let oldest = entity::Entity::find().select_only().columns([entity::Column::Seq, entity::Column::Written]);
    let rows: Vec<(i64, i64)> =
        oldest.order_by_asc(entity::Column::Seq).limit(BATCH).into_tuple().all(store.read()).await?;
    Ok(rows.iter().take_while(|(_, written)| *written < before).last().map(|(seq, _)| *seq))
}

/// The highest position deleted.
pub(super) async fn read_floor(store: &Store) -> Result<i64> {
    Ok(floor::Entity::find().one(store.read()).await?.map_or(0, |floor| floor.seq))
}
