//! Moving what SQLite's log holds into its file, beside the writers: left to SQLite, the commit that fills the log does it
//! and waits for a thousand scattered pages to be on the disk.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use tokio::sync::Semaphore;

use super::Store;
use crate::Result;

/// How often it is done, if anything was committed. A commit meanwhile waits for the same disk, the longer the more there is
/// to move; and what is moved more often is moved more times.
const EVERY: Duration = Duration::from_millis(150);
/// Pages in the log, 1 GB, from which on it is made to begin again at its start: writers wait while the last of it is moved,
/// as long as a request or two take. SQLite reads as much in half a second when it starts after a crash.
const LONG: i64 = 262_144;

/// What it takes to move a log.
struct Log {
    db: DatabaseConnection,
    writer: Arc<Semaphore>,
}

impl Store {
    /// Moves the log for as long as there is a store. PostgreSQL does so itself.
    pub(super) fn spawn_checkpoints(&self) {
        let Some(writer) = self.writer.clone() else { return };
        let log = Log { db: self.db.clone(), writer };
        tokio::spawn(for_ever(log, Arc::downgrade(&self.commits)));
    }
}

async fn for_ever(log: Log, commits: Weak<AtomicU64>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(count) = commits.upgrade().map(|commits| commits.load(Ordering::Relaxed)) else { return };
        if count != seen {
            seen = count;
            if let Err(error) = log.shorten().await {
                tracing::warn!(%error, "the log of the database is not shortened");
            }
        }
    }
}

impl Log {
    async fn shorten(&self) -> Result<()> {
        if self.moved().await? <= LONG {
            return Ok(());
        }
        // What was committed meanwhile: the less is left, the shorter they wait.
        self.moved().await?;
        let _permit = self.writer.acquire().await.expect("the semaphore is never closed");
        self.moved().await.map(|_| ())
    }

    /// Moves what nobody reads from the log any more. Answers how many pages the log has.
    async fn moved(&self) -> Result<i64> {
        let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(PASSIVE)");
        let row = self.db.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get_by_index(1)).transpose()?.unwrap_or_default())
    }
}
