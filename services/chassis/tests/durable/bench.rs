//! What these tests share: a schema with every table of the chassis, rows, and a watcher that reads them.

use std::time::Duration;

use futures::{StreamExt as _, stream::BoxStream};
use huan_chassis::{
    Result, config, directory,
    feed::{self, Entry, Filter, Position, Row, Watch},
    store::{Store, Tx},
};
use huan_proto::feed::v1::{Header, Heartbeat};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(30);
pub const FEED: config::Feed = config::Feed { retention_hours: 1, poll_millis: 20, heartbeat_millis: 50 };

pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![feed::migration(), feed::cursor_migration(), directory::migration()]
    }
}

#[derive(Clone, Debug)]
pub enum Item {
    Row(Entry),
    Heartbeat(Heartbeat),
}

pub type Items = BoxStream<'static, Result<Item, tonic::Status>>;

/// A row of customer `of` that says `text`.
pub fn row(of: &str, text: &str) -> Row {
    Row {
        tenant: "bank".into(),
        kind: 1,
        customer_id: of.into(),
        customer_key: format!("key-{of}"),
        partition: feed::partition(of),
        owner_path: "/hq/east".into(),
        payload: text.into(),
        traceparent: None,
    }
}

/// Publishes one row a text and commits.
pub async fn publish(store: &Store, texts: &[&str]) -> Position {
    let tx = store.begin().await.unwrap();
    let position = add(&tx, texts).await;
    tx.commit().await.unwrap();
    position
}

pub async fn add(tx: &Tx, texts: &[&str]) -> Position {
    feed::publish(tx, texts.iter().map(|text| row("c-1", text)).collect()).await.unwrap()
}

/// Watches all kinds, with a snapshot of the given texts.
pub fn open(store: &Store, cursor: &str, snapshot: &[&str]) -> Result<Items> {
    open_kinds(store, cursor, snapshot, vec![])
}

pub fn open_kinds(store: &Store, cursor: &str, snapshot: &[&str], kinds: Vec<i32>) -> Result<Items> {
    let rows: Vec<_> = snapshot.iter().map(|text| Ok(Item::Row(standing(text)))).collect();
    let snapshot = futures::stream::iter(rows).boxed();
    open_with(store, cursor, snapshot, kinds)
}

pub fn open_with(
    store: &Store,
    cursor: &str,
    snapshot: BoxStream<'static, Result<Item>>,
    kinds: Vec<i32>,
) -> Result<Items> {
    let row = |entry| Ok(Item::Row(entry));
    feed::watch(
        store,
        &FEED,
        Watch { cursor: cursor.into(), kinds, filter: Filter::default(), snapshot, row, heartbeat: Item::Heartbeat },
    )
}

/// A row of a snapshot: it has no cursor.
pub fn standing(text: &str) -> Entry {
    Entry { header: Header::default(), kind: 1, payload: text.into() }
}

pub async fn next(items: &mut Items) -> Result<Item, tonic::Status> {
    tokio::time::timeout(LONG, items.next()).await.expect("in time").expect("the stream goes on")
}

pub async fn next_row(items: &mut Items) -> Entry {
    loop {
        if let Item::Row(entry) = next(items).await.unwrap() {
            return entry;
        }
    }
}

pub async fn next_heartbeat(items: &mut Items) -> Heartbeat {
    loop {
        if let Item::Heartbeat(heartbeat) = next(items).await.unwrap() {
            return heartbeat;
        }
    }
}

pub async fn texts(items: &mut Items, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        texts.push(text(&next_row(items).await));
    }
    texts
}

pub fn text(entry: &Entry) -> String {
    String::from_utf8(entry.payload.clone()).unwrap()
}

/// Waits until something holds.
pub async fn until(holds: impl AsyncFn() -> bool) {
    let polled = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, polled).await.expect("in time");
}
