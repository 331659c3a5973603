//! Stores: transactions, writers side by side, migrations.

use std::{collections::BTreeSet, os::unix::fs::MetadataExt as _, time::Duration};

use huan_chassis::{
    directory, feed,
    store::{Store, is_unique_violation, test},
};
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait as _, DbBackend, EntityTrait as _, IntoActiveModel as _,
    PaginatorTrait as _, QueryOrder as _, Statement,
};
use sea_orm_migration::MigratorTrait as _;

use crate::bench::{Migrator, add, publish};

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    test::each(Migrator, async |store| {
        let tx = store.begin().await.unwrap();
        add(&tx, &["lost"]).await;
        drop(tx);
        publish(&store, &["kept"]).await;
        let rows = feed::entity::Entity::find().all(store.read()).await.unwrap();
        assert_eq!(rows.into_iter().map(|row| row.payload).collect::<Vec<_>>(), [b"kept"]);
    })
    .await;
}

#[tokio::test]
async fn a_taken_value_is_recognised() {
    test::each(Migrator, async |store| {
        let row = feed::cursor::Model { feed: "profile".into(), cursor: "1".into(), written: 0 };
        let tx = store.begin().await.unwrap();
        row.clone().into_active_model().insert(&*tx).await.unwrap();
        let again = row.into_active_model().insert(&*tx).await.unwrap_err();
        assert!(is_unique_violation(&again), "{again}");
        let other = tx.execute_unprepared("nonsense").await.unwrap_err();
        assert!(!is_unique_violation(&other));
    })
    .await;
}

#[tokio::test]
async fn entities_have_the_columns_of_their_tables() {
    test::each(Migrator, async |store| {
        feed::entity::Entity::find().all(store.read()).await.unwrap();
        feed::retain::floor::Entity::find().all(store.read()).await.unwrap();
        feed::cursor::Entity::find().all(store.read()).await.unwrap();
        directory::entity::Entity::find().all(store.read()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    test::each(Migrator, async |store| {
        Migrator::down(store.read(), None).await.unwrap();
        Migrator::up(store.read(), None).await.unwrap();
        publish(&store, &["one"]).await;
    })
    .await;
}

/// Numbers in no order, so that pages are balanced again and again as their rows come.
fn numbers() -> Vec<String> {
    (0..4000u64).map(|n| format!("N{:08}-{n}", n.wrapping_mul(2_654_435_761) % 100_000_000)).collect()
}

async fn fill(store: &Store) {
    for (index, numbers) in numbers().chunks(50).enumerate() {
        let tx = store.begin().await.unwrap();
        let row = |number: &String| directory::Row {
            tenant: "bank".into(),
            customer_id: number.clone(),
            customer_key: format!("key of {number}"),
            partition: 0,
            owner_path: format!("/hq/{}", "x".repeat(index % 40)),
        };
        directory::upsert(&tx, numbers.iter().map(row).collect()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn left(folder: &std::path::Path, numbers: &[&String]) -> usize {
    let files = std::fs::read_dir(folder.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
    // Each number ends with its place, so none is a part of another; they are looked for by their first nine bytes.
    let seen: BTreeSet<&[u8]> = bytes.windows(9).filter(|window| window[0] == b'N').collect();
    numbers.iter().filter(|number| seen.contains(&number.as_bytes()[..9])).count()
}

#[tokio::test]
async fn what_was_deleted_leaves_the_files_wherever_pages_were_balanced() {
    let (folder, database) = test::sqlite_file();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    fill(&store).await;
    let all = numbers();
    let gone: Vec<&String> = all.iter().step_by(20).collect();
    assert_eq!(left(folder.path(), &gone), gone.len());
    let tx = store.begin().await.unwrap();
    for number in &gone {
        directory::erase(&tx, "bank", &format!("key of {number}")).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(left(folder.path(), &gone), 0);
    assert_eq!(directory::entity::Entity::find().count(store.read()).await.unwrap(), (all.len() - gone.len()) as u64);
}

#[tokio::test]
async fn what_a_crash_kept_in_the_files_leaves_them_at_the_next_start() {
    let (folder, database) = test::sqlite_file();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    fill(&store).await;
    let all = numbers();
    let gone: Vec<&String> = all.iter().step_by(20).collect();
    // As a commit leaves them that nobody lived to scrub after: deleted, the note made, the log uncut.
    for number in &gone {
        let delete = format!("DELETE FROM customer_directory WHERE customer_id = '{number}'");
        store.read().execute_unprepared(&delete).await.unwrap();
    }
    store.read().execute_unprepared("PRAGMA user_version = 7").await.unwrap();
    assert!(left(folder.path(), &gone) > 0);
    store.read().clone().close().await.unwrap();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    assert_eq!(left(folder.path(), &gone), 0);
    let note = store.read().query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA user_version")).await;
    assert_eq!(note.unwrap().unwrap().try_get_by_index::<i32>(0).unwrap(), 0);
}

#[tokio::test]
async fn what_was_committed_leaves_the_log_for_the_file() {
    let (_folder, database) = test::sqlite_file();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    publish(&store, &["what was committed"]).await;
    let file = database.url.strip_prefix("sqlite://").and_then(|rest| rest.split('?').next()).unwrap();
    let in_file = || String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains("what was committed");
    let moved = async {
        while !in_file() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), moved).await.expect("the log is moved beside the writers");
}

/// Another process, a backup say, that finds the file without locks takes itself for the last one, and takes the log away
/// when it leaves, with all that is committed to it afterwards.
#[tokio::test]
async fn the_file_stays_locked_while_it_is_searched_for_what_was_deleted() {
    let (folder, database) = test::sqlite_file();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    publish(&store, &["before"]).await;
    let file = std::fs::metadata(folder.path().join("data/test.db")).unwrap().ino();
    let (process, file) = (format!(" {} ", std::process::id()), format!(":{file} "));
    let locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|lock| lock.contains(&process) && lock.contains(&file))
    };
    assert!(locked());
    let tx = store.begin().await.unwrap();
    tx.scrub(["nowhere"]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(locked());
}

#[tokio::test]
async fn text_is_ordered_by_its_bytes_whatever_the_database_orders_by() {
    let database = test::postgres().await;
    let store = Store::open::<Migrator>(&database).await.unwrap();
    // As a server of another place has made it: there, upper case is no different in the first instance.
    let other = r#"ALTER TABLE customer_directory ALTER COLUMN customer_id TYPE varchar COLLATE "und-x-icu""#;
    store.read().execute_unprepared(other).await.unwrap();
    let tx = store.begin().await.unwrap();
    let row = |id: &str| directory::Row {
        tenant: "bank".into(),
        customer_id: id.to_owned(),
        customer_key: format!("key of {id}"),
        partition: 0,
        owner_path: "/hq".into(),
    };
    directory::upsert(&tx, ["a", "B", "c", "_"].map(row).to_vec()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ordered(&store).await, ["_", "a", "B", "c"]);
    let store = Store::open::<Migrator>(&database).await.unwrap();
    assert_eq!(ordered(&store).await, ["B", "_", "a", "c"]);
}

#[tokio::test]
async fn a_table_that_has_grown_is_analysed_at_once_and_not_for_rows_that_change() {
    let store = Store::open::<Migrator>(&test::postgres().await).await.unwrap();
    let write = async |path: &str| {
        let tx = store.begin().await.unwrap();
        let row = |n: u32| directory::Row {
            tenant: "bank".into(),
            customer_id: format!("C-{n}"),
            customer_key: format!("key of {n}"),
            partition: 0,
            owner_path: path.into(),
        };
        directory::upsert(&tx, (0..2_000).map(row).collect()).await.unwrap();
        tx.commit().await.unwrap();
    };
    let number = async |of: &str| {
        let sql = format!("SELECT {of} FROM pg_stat_user_tables WHERE relname = 'customer_directory'");
        let row = store.read().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
        row.unwrap().try_get_by_index::<i64>(0).unwrap()
    };
    let becomes = async |of: &str, wanted: i64| {
        let reached = async {
            while number(of).await < wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("{of} stays small"));
    };
    write("/hq").await;
    becomes("analyze_count", 1).await;
    write("/hq/east").await;
    becomes("n_mod_since_analyze", 2_000).await;
    // Long enough for a look at the tables.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(number("analyze_count").await, 1);
}

async fn ordered(store: &Store) -> Vec<String> {
    let rows = directory::entity::Entity::find().order_by_asc(directory::entity::Column::CustomerId);
    rows.all(store.read()).await.unwrap().into_iter().map(|row| row.customer_id).collect()
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let database = test::postgres().await;
    let opened = futures::future::join_all((0..4).map(|_| Store::open::<Migrator>(&database))).await;
    for store in opened {
        publish(&store.unwrap(), &["one"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_and_readers_of_one_file_never_find_it_busy() {
    let (_folder, database) = test::sqlite_file();
    let store = Store::open::<Migrator>(&database).await.unwrap();
    let writers = (0..16).map(|_| tokio::spawn(count_up(store.clone(), 20)));
    let readers = (0..16).map(|_| tokio::spawn(read(store.clone(), 100)));
    futures::future::try_join_all(writers.chain(readers).collect::<Vec<_>>()).await.unwrap();
    let cursors: BTreeSet<_> =
        feed::cursor::Entity::find().all(store.read()).await.unwrap().into_iter().map(|row| row.cursor).collect();
    assert_eq!(cursors, BTreeSet::from(["320".to_owned()]));
}

/// Reads a number and writes the next one, so that whoever saw an old one would lose a count.
async fn count_up(store: Store, times: u32) {
    for _ in 0..times {
        let tx = store.begin().await.unwrap();
        let found = feed::cursor::Entity::find_by_id("count".to_owned()).one(&*tx).await.unwrap();
        let before: u32 = found.as_ref().map_or(0, |found| found.cursor.parse().unwrap());
        let next = feed::cursor::Model { feed: "count".into(), cursor: (before + 1).to_string(), written: 0 };
        let next = next.into_active_model().reset_all();
        match found {
            Some(_) => drop(next.update(&*tx).await.unwrap()),
            None => drop(next.insert(&*tx).await.unwrap()),
        }
        tx.commit().await.unwrap();
    }
}

async fn read(store: Store, times: u32) {
    for _ in 0..times {
        feed::cursor::Entity::find().count(store.read()).await.unwrap();
    }
}
