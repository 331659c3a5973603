//! What SQLite's planner is told of the tables. It knows nothing of their sizes, takes the first column of every index to
//! be selective, and that is the tenant: it would walk over all of a tenant's rows where another index finds one. ANALYZE
//! would tell what a table is like at that moment, empty at first. So the numbers are set by hand, as SQLite provides for
//! (<https://www.sqlite.org/fileformat2.html#stat1tab>): tenants are large, and whatever else an index names narrows it.
//! PostgreSQL gathers its own.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, TransactionTrait as _};

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

/// Tells the planner of a SQLite database. Connections that are opened later read it with the schema.
pub(super) async fn tell(db: &DatabaseConnection) -> Result<()> {
    let tx = db.begin().await?;
    for statement in TELL {
        tx.execute_unprepared(statement).await?;
    }
    Ok(tx.commit().await?)
}
