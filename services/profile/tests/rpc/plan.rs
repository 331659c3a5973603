//! Every query that this suite makes the service send is answered from an index: the suite runs again in processes of its
//! own, on both databases, its statements are written down, and each is explained on an empty schema. There a plan says
//! what can be answered from an index, not what is cheap today: SQLite has no statistics, and PostgreSQL is told to shun
//! sequential scans. What reads a whole table on purpose is named here, with its reason.

use std::{path::Path, process::Command};

use huan_chassis::{
    config,
    store::{Store, test},
};
use huan_profile::store::migration::Migrator;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// What does not grow with customers: small tables, and lists that a query brings along or has cut short.
const SMALL: &[&str] = &[
    "tenant",
    "event_type",
    "feature",
    "tag_definition",
    "kyc_template",
    "snapshot",
    "snapshot_part",
    "bulk_load",
    "feed_floor",
    "profile_migration",
    "pg_",
    "wanted",
    "listed",
    "some",
    "CONSTANT",
];

/// Queries that read what no condition narrows, by a part of their text, and why they may.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        r#"SELECT "feed"."seq", "feed"."written" FROM "feed" ORDER BY "feed"."seq" ASC LIMIT"#,
        "retention reads the oldest rows in the order of the key, and no more than its limit",
    ),
    (r#"SELECT COUNT(*) AS num_items FROM (SELECT "customer""#, "a backfill counts whom it will go through, once"),
    (r#"SELECT COUNT(*) AS num_items FROM (SELECT "vector""#, "a snapshot counts what it will write, once"),
    (r#""tenant" = 'bank' AND 1 = 2"#, "asks for none of a list that is empty, and reads nothing"),
    (r#""data_key"#, "of the database of keys, which has a schema of its own"),
    (
        r#"SELECT "feed"."seq", "feed"."payload" FROM "feed" WHERE "feed"."tenant""#,
        "an erasure looks through the merges of those days for the person",
    ),
    (r#"DELETE FROM "feed" WHERE "tenant""#, "an erasure takes a person out of the days that the feed is kept for"),
];

#[tokio::test]
async fn every_query_takes_an_index_on_sqlite() {
    check("sqlite", test::sqlite()).await;
}

#[tokio::test]
async fn every_query_takes_an_index_on_postgres() {
    check("postgres", test::postgres().await).await;
}

async fn check(name: &str, database: config::Database) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("statements");
    run_suite(name, &file);
    let faults = explain(&database, &file).await;
    assert!(faults.is_empty(), "{} queries scan:\n{}", faults.len(), faults.join("\n\n"));
}

/// Runs this suite, without this test, in a process that writes its statements to a file. A test that fails there fails
/// by itself too.
fn run_suite(database: &str, file: &Path) {
    let mut suite = Command::new(std::env::current_exe().unwrap());
    suite.args(["--skip", "plan::", "--test-threads", "4"]);
    suite.env("HUAN_TEST_DATABASE", database).env("HUAN_TEST_STATEMENTS", file).output().unwrap();
}

async fn explain(database: &config::Database, file: &Path) -> Vec<String> {
    let store = Store::open::<Migrator>(database).await.unwrap();
    let db = store.read();
    let backend = db.get_database_backend();
    let statements = std::fs::read_to_string(file).unwrap();
    let queries = ["SELECT", "UPDATE", "DELETE"];
    let mut faults = Vec::new();
    let mut explained = 0;
    for sql in statements.lines().filter(|sql| queries.iter().any(|query| sql.starts_with(query))) {
        if EXCEPTIONS.iter().any(|(part, _)| sql.contains(part)) {
            continue;
        }
        explained += 1;
        let scans = match backend {
            DbBackend::Sqlite => sqlite(db, sql).await,
            _ => postgres(&store, sql).await,
        };
        let short: String = sql.chars().take(600).collect();
        faults.extend(scans.map(|plan| format!("on {backend:?}: {short}\n{plan}")));
    }
    assert!(explained > 40, "only {explained} queries were written down");
    faults
}

/// The plan, if it scans a table that grows.
async fn sqlite(db: &impl ConnectionTrait, sql: &str) -> Option<String> {
    let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = db.query_all_raw(explain).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    let sorted = plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
    let scans = |step: &String| {
        let mut words = step.split(' ');
        let scan = words.next() == Some("SCAN") && words.next().is_some_and(grows);
        // A page in the order of the key: it stops at its limit.
        let page = step.contains(" USING INDEX ") && sql.contains(" LIMIT ") && !sorted;
        // All of a tenant, whether it is sorted before the first row is answered or looked through for others.
        let table = step.strip_prefix("SEARCH ").unwrap_or("tenant");
        let whole = step.ends_with("(tenant=?)") && grows(table) && (sorted || !sql.contains(" LIMIT "));
        (scan && !page) || whole
    };
    plan.iter().any(scans).then(|| plan.join("\n"))
}

async fn postgres(store: &Store, sql: &str) -> Option<String> {
    let tx = store.begin().await.unwrap();
    tx.execute_unprepared("SET LOCAL enable_seqscan = off").await.unwrap();
    let explain = Statement::from_string(DbBackend::Postgres, format!("EXPLAIN (COSTS OFF) {sql}"));
    let rows = tx.query_all_raw(explain).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let scans = |(at, step): (usize, &String)| {
        let scan = step.split_once("Seq Scan on ").is_some_and(|(_, table)| grows(table));
        // An index that is read from end to end is a scan too.
        let is_index = step.contains("Index Scan") || step.contains("Index Only Scan");
        let narrowed = plan.get(at + 1).is_some_and(|next| next.trim_start().starts_with("Index Cond"));
        let ordered = plan[..at].iter().any(|step| step.contains("Limit"));
        let table = step.split_once(" on ").map_or("", |(_, table)| table);
        scan || (is_index && !narrowed && !ordered && grows(table))
    };
    plan.iter().enumerate().any(scans).then(|| plan.join("\n"))
}

fn grows(table: &str) -> bool {
    let table = table.trim_matches('"');
    let name = table.split(' ').next().unwrap_or_default();
    // What the query brings along ("2-ROW VALUES CLAUSE"), or a part of it has answered, named by the query ("met") or by
    // SQLite ("(subquery-3)").
    let own = name == "met" || name.starts_with('(') || name.ends_with("-ROW");
    !own && !SMALL.iter().any(|small| name == *small || (small.ends_with('_') && name.starts_with(small)))
}
