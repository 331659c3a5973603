//! How far a feed may be read: up to a position below which no running transaction can still add a row. It owns the
//! queries that find it; reading the rows is the watcher's.
//!
//! On PostgreSQL a transaction takes its id, then draws positions, then commits, and others may overtake it. So: see
//! the highest committed position, *then* draw a transaction id, the fence. Whoever has drawn a lower position had its
//! own id before that and lies below the fence. Once the oldest running transaction is not below the fence, they have
//! all ended, and up to that position nothing can be added. On SQLite there is one writer and nothing to wait for.
//! A long transaction anywhere in the same PostgreSQL cluster therefore delays feeds, but never loses a row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::Position;
use crate::{Error, Result, clock::system_now, store::Store};

/// How soon a fence is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

const SQLITE_HEAD: &str =
    "SELECT max(coalesce((SELECT max(seq) FROM feed), 0), (SELECT seq FROM feed_floor)) AS head, NULL AS fence";
/// The snapshot that sees the head is older than the id that CASE draws, and no id is drawn while there is nothing new.
const POSTGRES_HEAD: &str = "SELECT head, CASE WHEN head > $1 THEN pg_current_xact_id()::text::bigint END AS fence FROM \
    (SELECT greatest((SELECT max(seq) FROM feed), (SELECT seq FROM feed_floor)) AS head) AS newest";
const POSTGRES_OLDEST: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest";

/// The end of a feed, as it was seen at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The highest committed position. What was committed before `asked` is not above it.
    pub position: i64,
    /// System time before it was asked for.
    pub asked: DateTime<Utc>,
    /// The transaction id that all must have reached before the feed may be read up to here.
    fence: Option<i64>,
}

impl Head {
    /// Looks for the end of the feed, for a reader who has everything up to `cursor`.
    pub(super) async fn see(store: &Store, cursor: i64) -> Result<Self> {
        let asked = system_now();
        let query = if store.is_postgres() {
            Statement::from_sql_and_values(DbBackend::Postgres, POSTGRES_HEAD, [cursor.into()])
        } else {
            Statement::from_string(DbBackend::Sqlite, SQLITE_HEAD)
        };
        let row = store.read().query_one_raw(query).await?.ok_or_else(no_row)?;
        Ok(Self { position: row.try_get("", "head")?, asked, fence: row.try_get("", "fence")? })
    }

    /// Tells whether nothing can be added any more up to here.
    pub(super) async fn is_settled(&self, store: &Store) -> Result<bool> {
        let Some(fence) = self.fence else { return Ok(true) };
        let query = Statement::from_string(DbBackend::Postgres, POSTGRES_OLDEST);
        let row = store.read().query_one_raw(query).await?.ok_or_else(no_row)?;
        Ok(row.try_get::<i64>("", "oldest")? >= fence)
    }
}

/// The highest committed position. Data that is read after it contains every change up to it.
pub async fn head(store: &Store) -> Result<Position> {
    Ok(Position(Head::see(store, i64::MAX).await?.position))
}

fn no_row() -> Error {
    Error::Internal("the feed's end gave no row".into())
}

/// A position up to which nothing can be added any more: data that is read after it contains every change up to it, and
/// a watch from it brings all the others. Waits for transactions that run.
pub async fn settled(store: &Store) -> Result<Position> {
    let head = Head::see(store, -1).await?;
    while !head.is_settled(store).await? {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(Position(head.position))
}
