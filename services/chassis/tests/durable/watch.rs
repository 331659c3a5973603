//! Watching a feed: order, snapshots, cursors, retention, and transactions that overtake each other.

use std::time::Duration;

use futures::StreamExt as _;
use huan_chassis::{
    clock::{datetime, system_now},
    error::reason,
    feed::{self, Row, retain::delete_before},
    store::{Store, test},
};
use huan_proto::error::v1::ErrorReason;
use sea_orm::ConnectionTrait as _;

use crate::bench::{
    Item, Migrator, add, next, next_heartbeat, next_row, open, open_kinds, open_with, publish, row, standing, text,
    texts,
};

#[tokio::test]
async fn a_row_says_all_that_it_was_published_with() {
    test::each(Migrator, async |store| {
        let before = system_now();
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let tx = store.begin().await.unwrap();
        let row = Row { traceparent: Some(trace.into()), kind: 7, ..row("c-9", "hello") };
        let position = feed::publish(&tx, vec![row.clone()]).await.unwrap();
        tx.commit().await.unwrap();

        let entry = next_row(&mut open(&store, "0", &[]).unwrap()).await;
        assert_eq!((entry.kind, &entry.payload), (7, &row.payload));
        let header = entry.header;
        assert_eq!(header.cursor, position.to_string());
        assert_eq!([header.tenant_id, header.customer_id, header.customer_key], ["bank", "c-9", "key-c-9"]);
        assert_eq!((header.partition, header.owner_path), (feed::partition("c-9"), "/hq/east".into()));
        assert_eq!(header.traceparent, trace);
        let written = datetime(&header.write_time.unwrap()).unwrap();
        assert!((before.timestamp_micros()..=system_now().timestamp_micros()).contains(&written.timestamp_micros()));
    })
    .await;
}

#[tokio::test]
async fn rows_come_in_order_however_many_there_are() {
    test::each(Migrator, async |store| {
        let all: Vec<String> = (0..2_345).map(|n| n.to_string()).collect();
        let position = publish(&store, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let mut items = open(&store, "0", &[]).unwrap();
        assert_eq!(texts(&mut items, all.len()).await, all);
        assert_eq!(next_heartbeat(&mut items).await.cursor, position.to_string());
    })
    .await;
}

#[tokio::test]
async fn publishing_nothing_gives_the_position_before_all() {
    test::each(Migrator, async |store| {
        assert_eq!(publish(&store, &[]).await, feed::Position::default());
    })
    .await;
}

#[tokio::test]
async fn a_watcher_goes_on_after_its_cursor() {
    test::each(Migrator, async |store| {
        publish(&store, &["a", "b"]).await;
        let first = next_row(&mut open(&store, "0", &[]).unwrap()).await;
        let mut items = open(&store, &first.header.cursor, &["not wanted"]).unwrap();
        assert_eq!(texts(&mut items, 1).await, ["b"]);
        publish(&store, &["c"]).await;
        assert_eq!(texts(&mut items, 1).await, ["c"]);
    })
    .await;
}

#[tokio::test]
async fn without_a_cursor_the_state_comes_first_and_then_what_changes() {
    test::each(Migrator, async |store| {
        let head = publish(&store, &["old"]).await;
        let during = store.clone();
        let snapshot = futures::stream::once(async move {
            // Published after the position was noted: it must come again, as a change.
            publish(&during, &["during"]).await;
            Ok(Item::Row(standing("state")))
        });
        let mut items = open_with(&store, "", snapshot.boxed(), vec![]).unwrap();
        let Item::Row(state) = next(&mut items).await.unwrap() else { panic!("the snapshot comes first") };
        assert_eq!((text(&state).as_str(), state.header.cursor.as_str()), ("state", ""));
        let Item::Heartbeat(end) = next(&mut items).await.unwrap() else { panic!("a heartbeat ends it") };
        assert_eq!(end.cursor, head.to_string());
        assert_eq!(texts(&mut items, 1).await, ["during"]);
    })
    .await;
}

#[tokio::test]
async fn kinds_that_are_not_wanted_are_passed_over() {
    test::each(Migrator, async |store| {
        let tx = store.begin().await.unwrap();
        let rows = [(1, "a"), (2, "b"), (1, "c"), (3, "d")].map(|(kind, text)| Row { kind, ..row("c-1", text) });
        let last = feed::publish(&tx, rows.to_vec()).await.unwrap();
        tx.commit().await.unwrap();
        let mut items = open_kinds(&store, "0", &[], vec![1]).unwrap();
        assert_eq!(texts(&mut items, 2).await, ["a", "c"]);
        assert_eq!(next_heartbeat(&mut items).await.cursor, last.to_string());
    })
    .await;
}

#[tokio::test]
async fn heartbeats_tell_up_to_when_all_is_sent() {
    test::each(Migrator, async |store| {
        let mut items = open(&store, "0", &[]).unwrap();
        let first = datetime(&next_heartbeat(&mut items).await.caught_up_time.unwrap()).unwrap();
        let second = datetime(&next_heartbeat(&mut items).await.caught_up_time.unwrap()).unwrap();
        assert!(first < second && second <= system_now());
    })
    .await;
}

#[tokio::test]
async fn a_cursor_that_is_not_ours_is_refused() {
    test::each(Migrator, async |store| {
        let status = tonic::Status::from(open(&store, "x", &[]).err().unwrap());
        assert_eq!(reason(&status), Some(ErrorReason::InvalidField));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_older_than_retention_or_from_another_life_is_expired() {
    test::each(Migrator, async |store| {
        publish(&store, &["a", "b"]).await;
        assert_eq!(delete_before(&store, system_now()).await.unwrap(), 2);
        for cursor in ["0", "1", "99"] {
            let status = next(&mut open(&store, cursor, &[]).unwrap()).await.unwrap_err();
            assert_eq!(reason(&status), Some(ErrorReason::CursorExpired), "{cursor}");
        }
        let mut whole = open(&store, "2", &[]).unwrap();
        assert_eq!(next_heartbeat(&mut whole).await.cursor, "2");
        assert_eq!(next_heartbeat(&mut open(&store, "", &[]).unwrap()).await.cursor, "2");
        publish(&store, &["c"]).await;
        assert_eq!(texts(&mut whole, 1).await, ["c"]);
    })
    .await;
}

#[tokio::test]
async fn retention_keeps_what_is_younger() {
    test::each(Migrator, async |store| {
        let before = system_now();
        publish(&store, &["a"]).await;
        assert_eq!(delete_before(&store, before).await.unwrap(), 0);
        assert_eq!(texts(&mut open(&store, "0", &[]).unwrap(), 1).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn closing_the_store_ends_its_watches() {
    test::each(Migrator, async |store| {
        let items = open(&store, "0", &[]).unwrap();
        store.close();
        let rest: Vec<_> = tokio::time::timeout(Duration::from_secs(30), items.collect()).await.unwrap();
        assert!(rest.iter().all(Result::is_ok));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_held_open_hides_no_row() {
    let store = Store::open::<Migrator>(&test::postgres().await).await.unwrap();
    let mut items = open(&store, "0", &[]).unwrap();
    next_heartbeat(&mut items).await;

    let held = store.begin().await.unwrap();
    add(&held, &["held"]).await;
    let before = system_now();
    publish(&store, &["later"]).await;
    // More than one heartbeat: it has looked again, and still says nothing of what it holds back.
    for _ in 0..3 {
        let Item::Heartbeat(heartbeat) = next(&mut items).await.unwrap() else { panic!("a row came too early") };
        assert_eq!(heartbeat.cursor, "0");
        assert!(datetime(&heartbeat.caught_up_time.unwrap()).unwrap() <= before);
    }
    // Nor may a snapshot begin above it: the held row would be in neither.
    let mut fresh = open(&store, "", &[]).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), fresh.next()).await.is_err());

    held.commit().await.unwrap();
    assert_eq!(texts(&mut items, 2).await, ["held", "later"]);
    assert_eq!(next_heartbeat(&mut fresh).await.cursor, "2");
}

#[tokio::test]
async fn a_transaction_that_has_written_elsewhere_only_delays_the_feed() {
    let store = Store::open::<Migrator>(&test::postgres().await).await.unwrap();
    let mut items = open(&store, "0", &[]).unwrap();
    let held = store.begin().await.unwrap();
    held.execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    publish(&store, &["a"]).await;
    assert!(matches!(next(&mut items).await.unwrap(), Item::Heartbeat(_)));
    add(&held, &["b"]).await;
    drop(held);
    assert_eq!(texts(&mut items, 1).await, ["a"]);
    publish(&store, &["c"]).await;
    assert_eq!(texts(&mut items, 1).await, ["c"]);
}

/// The transaction that began first, and so has the lower id, changes the customer last.
#[tokio::test]
async fn a_customers_rows_keep_their_order_when_transactions_overtake_each_other() {
    let store = Store::open::<Migrator>(&test::postgres().await).await.unwrap();
    let slow = store.begin().await.unwrap();
    add(&slow, &["another customer"]).await;
    publish(&store, &["granted"]).await;
    add(&slow, &["withdrawn"]).await;
    slow.commit().await.unwrap();
    let mut items = open(&store, "0", &[]).unwrap();
    assert_eq!(texts(&mut items, 3).await, ["another customer", "granted", "withdrawn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_lost_among_many_writers() {
    test::each(Migrator, async |store| {
        let mut items = open(&store, "0", &[]).unwrap();
        let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write(store.clone(), writer))).collect();
        let mut last = [0; 8];
        let mut cursor = 0;
        for _ in 0..8 * 40 {
            let entry = next_row(&mut items).await;
            let at: i64 = entry.header.cursor.parse().unwrap();
            assert!(at > cursor);
            cursor = at;
            let told = text(&entry);
            let (writer, n) = told.split_once(' ').unwrap();
            let seen = &mut last[writer.parse::<usize>().unwrap()];
            assert_eq!(n.parse::<u32>().unwrap(), *seen + 1, "of writer {writer}");
            *seen += 1;
        }
        futures::future::try_join_all(writers).await.unwrap();
    })
    .await;
}

async fn write(store: Store, writer: u64) {
    for n in 1..=20_u64 {
        let tx = store.begin().await.unwrap();
        add(&tx, &[&format!("{writer} {}", 2 * n - 1)]).await;
        // Some end at once, some are overtaken, some change their mind.
        for _ in 0..(writer * 7 + n) % 5 {
            tokio::task::yield_now().await;
        }
        add(&tx, &[&format!("{writer} {}", 2 * n)]).await;
        tx.commit().await.unwrap();
        if n % 3 == 0 {
            add(&store.begin().await.unwrap(), &["never"]).await;
        }
    }
}
