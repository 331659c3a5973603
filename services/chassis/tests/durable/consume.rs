//! Following a feed: batches, cursors, restarts, and what a service knows of its lag.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use huan_chassis::{
    Error, Result,
    clock::system_now,
    feed::{self, Consumer, Mark, Start, Status, consume, retain::delete_before},
    store::{Store, Tx, test},
};
use huan_proto::feed::v1::{GetFeedStatusRequest, feed_service_server::FeedService as _};
use sea_orm::EntityTrait as _;
use tokio::task::JoinHandle;

use crate::bench::{Item, LONG, Migrator, open, publish, text, until};

#[tokio::test]
async fn what_is_published_is_applied_and_the_cursor_with_it() {
    test::each(Migrator, async |store| {
        let follower = Follower::start(&store, &["state"]);
        let position = publish(&store, &["a", "b"]).await;
        assert!(follower.status.wait_for(position, LONG).await);
        // Published before the snapshot's position was noted, or after: never lost.
        let seen = follower.seen();
        assert_eq!(seen[0], "state");
        assert!(seen[1..].is_empty() || seen[1..] == ["a", "b"], "{seen:?}");
        let position = publish(&store, &["c"]).await;
        assert!(follower.status.wait_for(position, LONG).await);
        assert_eq!(follower.seen().last().unwrap(), "c");
        assert_eq!(saved(&store).await, Some(position.to_string()));
        assert_eq!(follower.status.applied(), follower.seen().len() as u64);
    })
    .await;
}

#[tokio::test]
async fn a_position_that_does_not_come_is_not_waited_for_for_ever() {
    let status = Status::new("profile");
    assert!(status.wait_for(feed::Position::default(), Duration::ZERO).await);
    assert!(!status.wait_for("7".parse().unwrap(), Duration::from_millis(10)).await);
}

#[tokio::test]
async fn a_consumer_that_was_killed_goes_on_where_it_was() {
    test::each(Migrator, async |store| {
        let first = Follower::start(&store, &["state"]);
        first.follows().await;
        let position = publish(&store, &["a"]).await;
        assert!(first.status.wait_for(position, LONG).await);
        first.kill().await;
        let position = publish(&store, &["b"]).await;
        let second = Follower::start(&store, &["state"]);
        assert!(second.status.wait_for(position, LONG).await);
        assert_eq!(second.seen(), ["b"]);
    })
    .await;
}

#[tokio::test]
async fn an_expired_cursor_leads_to_a_snapshot() {
    test::each(Migrator, async |store| {
        let first = Follower::start(&store, &["state"]);
        first.follows().await;
        first.kill().await;
        let position = publish(&store, &["missed"]).await;
        delete_before(&store, system_now()).await.unwrap();
        let second = Follower::start(&store, &["state with what was missed"]);
        assert!(second.status.wait_for(position, LONG).await);
        assert_eq!(second.seen(), ["state with what was missed"]);
        until(async || saved(&store).await == Some(position.to_string())).await;
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_applied_is_tried_again() {
    test::each(Migrator, async |store| {
        let follower = Follower::start(&store, &[]);
        follower.follows().await;
        follower.fail.store(true, Ordering::SeqCst);
        let position = publish(&store, &["a"]).await;
        assert!(follower.status.wait_for(position, LONG).await);
        assert_eq!(follower.seen(), ["a"]);
        assert_eq!(follower.opened.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn get_feed_status_tells_how_far_each_feed_is_read() {
    test::each(Migrator, async |store| {
        let follower = Follower::start(&store, &["state"]);
        let rpc = feed::status::Rpc::new(vec![follower.status.clone()]);
        follower.follows().await;
        let answer = rpc.get_feed_status(tonic::Request::new(GetFeedStatusRequest {})).await.unwrap().into_inner();
        let [consumer] = answer.consumers.as_slice() else { panic!("one feed") };
        assert_eq!((consumer.feed.as_str(), consumer.cursor.as_str(), consumer.applied), ("profile", "0", 1));
        assert!(consumer.caught_up_time.is_some());
    })
    .await;
}

#[tokio::test]
async fn closing_the_store_ends_its_consumers() {
    test::each(Migrator, async |store| {
        let follower = Follower::start(&store, &[]);
        store.close();
        tokio::time::timeout(LONG, follower.task).await.unwrap().unwrap();
    })
    .await;
}

async fn saved(store: &Store) -> Option<String> {
    feed::cursor::Entity::find_by_id("profile".to_owned()).one(store.read()).await.unwrap().map(|row| row.cursor)
}

/// A consumer that notes what it sees.
struct Follower {
    status: Status,
    seen: Arc<Mutex<Vec<String>>>,
    /// Whether the next batch fails.
    fail: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Follower {
    fn start(store: &Store, snapshot: &'static [&'static str]) -> Self {
        let status = Status::new("profile");
        let (seen, fail, opened) = (Arc::default(), Arc::default(), Arc::<AtomicUsize>::default());
        let (producer, opens) = (store.clone(), opened.clone());
        let consumer = Consumer {
            feed: "profile",
            start: Start::Saved,
            open: Box::new(move |cursor| {
                opens.fetch_add(1, Ordering::SeqCst);
                let items = open(&producer, &cursor, snapshot).map_err(tonic::Status::from);
                Box::pin(async { items })
            }),
            mark,
            status: status.clone(),
        };
        let task = tokio::spawn(follow(store.clone(), consumer, Arc::clone(&seen), Arc::clone(&fail)));
        Self { status, seen, fail, opened, task }
    }

    /// Waits until the snapshot is complete.
    async fn follows(&self) {
        assert!(self.status.wait_for(feed::Position::default(), LONG).await);
        until(async || self.status.caught_up().is_some()).await;
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

fn mark(item: &Item) -> Mark<'_> {
    match item {
        Item::Row(entry) => Mark::Row(&entry.header),
        Item::Heartbeat(heartbeat) => Mark::Heartbeat(heartbeat),
    }
}

async fn follow(store: Store, consumer: Consumer<Item>, seen: Arc<Mutex<Vec<String>>>, fail: Arc<AtomicBool>) {
    consume(store, consumer, |tx: &Tx, batch: &[Item]| {
        let (seen, fail) = (seen.clone(), fail.clone());
        Box::pin(async move { note(tx, batch, &seen, &fail) })
    })
    .await;
}

fn note(_: &Tx, batch: &[Item], seen: &Mutex<Vec<String>>, fail: &AtomicBool) -> Result<()> {
    if fail.swap(false, Ordering::SeqCst) {
        return Err(Error::Internal("once".into()));
    }
    for item in batch {
        let Item::Row(entry) = item else { panic!("heartbeats are not applied") };
        seen.lock().unwrap().push(text(entry));
    }
    Ok(())
}
