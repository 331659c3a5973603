//! Stores: transactions, writers side by side, migrations.

use std::collections::BTreeSet;

use huan_chassis::{
    directory, feed,
    store::{Store, is_unique_violation, test},
};
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait as _, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
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
