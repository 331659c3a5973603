//! What planners are told of the tables. SQLite's knows nothing of their sizes, takes the first column of every index to
//! be selective, and that is the tenant: it would walk over all of a tenant's rows where another index finds one. ANALYZE
//! would tell what a table is like at that moment, empty at first. So the numbers are set by hand, as SQLite provides for
//! (<https://www.sqlite.org/fileformat2.html#stat1tab>): tenants are large, and whatever else an index names narrows it.
//!
//! PostgreSQL gathers its own, once a minute. Until then a prepared statement keeps the plan that it was given while its table
//! was empty, and a first load walks over all that it has written, once a batch. So what has doubled is analysed at once.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement, TransactionTrait as _};

use super::Store;
use crate::Result;

/// Makes the table of statistics by a glance at the others, and fills it: for each index rows in all, then rows for equal
/// values of the first column, of the first two, and so on.
const TELL: [&str; 5] = [
    "PRAGMA analysis_limit = 1",
    "ANALYZE",
    "DELETE FROM sqlite_stat1",
    r#"INSERT INTO sqlite_stat1 (tbl, idx, stat)
       SELECT t.name, i.name, '1000000 ' || (
           SELECT group_concat(
               CASE WHEN i."unique" AND c.seqno = (SELECT max(seqno) FROM pragma_index_info(i.name)) THEN 1
                    WHEN c.seqno = 0 THEN 1000000
                    ELSE 10 END, ' ' ORDER BY c.seqno)
           FROM pragma_index_info(i.name) AS c)
       FROM sqlite_schema AS t JOIN pragma_index_list(t.name) AS i
       WHERE t.type = 'table'
         AND (SELECT c.name FROM pragma_index_info(i.name) AS c WHERE c.seqno = 0) = 'tenant'"#,
    "ANALYZE sqlite_schema",
];

/// How often PostgreSQL's tables are looked at, if anything was committed. It notes what was written once a second.
const EVERY: Duration = Duration::from_secs(1);

/// The tables of ours that have twice the rows that they were last counted to have. Rows that were only changed do not
/// count: a table that is written over and over would be analysed all the time, and never vacuumed, which needs the same lock.
const DOUBLED: &str = r#"
    SELECT format('%I', s.relname) AS name
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE')
      AND s.n_mod_since_analyze > 500 AND s.n_live_tup >= 2 * greatest(c.reltuples, 0)"#;

/// Of this many times 300 rows, a tenth of what PostgreSQL looks at by itself: 30 ms of a core instead of 300, while events are
/// waited for, and as good a number of customers. Its own look follows.
const FEW: &str = "SET LOCAL default_statistics_target = 10";

impl Store {
    /// Keeps PostgreSQL's statistics for as long as there is a store.
    pub(super) fn spawn_statistics(&self) {
        tokio::spawn(for_ever(self.db.clone(), Arc::downgrade(&self.commits)));
    }
}

async fn for_ever(db: DatabaseConnection, commits: Weak<AtomicU64>) {
    // What was written just before a look is noted only after it: one look more.
    let (mut seen, mut again) = (0, false);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(count) = commits.upgrade().map(|commits| commits.load(Ordering::Relaxed)) else { return };
        let wrote = count != seen;
        if wrote || again {
            (seen, again) = (count, wrote);
            if let Err(error) = analyse(&db).await {
                tracing::warn!(%error, "the tables of the database are not analysed");
            }
        }
    }
}

/// Analyses the tables that have doubled, each by itself: readers of feeds wait for every transaction that is older. Prepared
/// statements are planned again after it. Replicas that meet here do it twice, which costs little and seldom comes.
async fn analyse(db: &DatabaseConnection) -> Result<()> {
    for row in db.query_all_raw(Statement::from_string(DbBackend::Postgres, DOUBLED)).await? {
        let name: String = row.try_get_by_index(0)?;
        let tx = db.begin().await?;
        tx.execute_unprepared(FEW).await?;
        tx.execute_unprepared(&format!("ANALYZE {name}")).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Tells the planner of a SQLite database. Connections that are opened later read it with the schema.
pub(super) async fn tell(db: &DatabaseConnection) -> Result<()> {
    let tx = db.begin().await?;
    for statement in TELL {
        tx.execute_unprepared(statement).await?;
    }
    Ok(tx.commit().await?)
}
