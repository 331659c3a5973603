//! Following another service's feed: rows are applied in batches, each in one transaction with the cursor. It owns the
//! loop, its restarts and the progress; opening the stream and applying the rows are the service's.

use std::time::Duration;

use futures::{StreamExt as _, future::BoxFuture, stream::BoxStream};
use huan_proto::feed::v1::{Header, Heartbeat};
use tokio::time::{Instant, timeout};

use super::{Position, Status, cursor};
use crate::{
    Error, Result, clock,
    store::{Store, Tx},
};

/// Rows applied in one transaction.
const BATCH: usize = 500;
/// A stream without even a heartbeat for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(15);
/// How long to wait before the stream is opened again: from, and doubling up to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How often the cursor is saved while only heartbeats move it.
const SAVE: Duration = Duration::from_secs(1);

/// Opens the feed at a cursor; empty = with a snapshot.
pub type Open<T> = Box<dyn Fn(String) -> BoxFuture<'static, Result<Items<T>, tonic::Status>> + Send + Sync>;
/// What a feed sends.
pub type Items<T> = BoxStream<'static, Result<T, tonic::Status>>;

/// How to follow a feed.
pub struct Consumer<T> {
    /// The feed; its cursor is saved under this name.
    pub feed: &'static str,
    /// Where to begin.
    pub start: Start,
    /// How to open the stream.
    pub open: Open<T>,
    /// How to read the feed's own message.
    pub mark: fn(&T) -> Mark<'_>,
    /// Where progress is told.
    pub status: Status,
}

impl<T> std::fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("feed", &self.feed).field("start", &self.start).finish_non_exhaustive()
    }
}

/// Where a consumer begins when its process starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the saved cursor, or with a snapshot if there is none.
    Saved,
    /// With a snapshot: for state that is kept in memory only.
    Snapshot,
}

/// What a message of a feed is.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    /// A row.
    Row(&'a Header),
    /// A heartbeat.
    Heartbeat(&'a Heartbeat),
    /// Something of a later version: passed over.
    Unknown,
}

/// Follows a feed until the store is closed. `apply` is given rows in order, and must bear to see one again; what it
/// fails on is tried again later, with everything after it.
pub async fn consume<T, A>(store: Store, consumer: Consumer<T>, apply: A)
where
    T: Send + Sync + 'static,
    A: for<'c> Fn(&'c Tx, &'c [T]) -> BoxFuture<'c, Result<()>> + Send + Sync,
{
    let closed = store.closed();
    let follower = Follower { store, consumer, apply, at: None, saved: None, progressed: false };
    tokio::select! {
        () = closed => {}
        () = follower.run() => {}
    }
}

struct Follower<T, A> {
    store: Store,
    consumer: Consumer<T>,
    apply: A,
    /// Where to go on; None = with a snapshot.
    at: Option<Position>,
    /// When the cursor was last saved.
    saved: Option<Instant>,
    /// Whether anything came since the stream was last opened.
    progressed: bool,
}

impl<T, A> Follower<T, A>
where
    T: Send + Sync + 'static,
    A: for<'c> Fn(&'c Tx, &'c [T]) -> BoxFuture<'c, Result<()>> + Send + Sync,
{
    async fn run(mut self) {
        let feed = self.consumer.feed;
        let mut known = self.consumer.start == Start::Snapshot;
        let mut backoff = BACKOFF.0;
        loop {
            let ended = self.follow(&mut known).await;
            if self.progressed {
                backoff = BACKOFF.0;
            }
            match ended {
                Err(error) if is_expired(&error) => {
                    tracing::warn!(feed, "cursor expired, starting again from a snapshot");
                    self.at = None;
                }
                Err(error) => tracing::warn!(feed, %error, "feed interrupted, opening it again"),
                Ok(()) => tracing::debug!(feed, "feed ended, opening it again"),
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Follows one stream to its end.
    async fn follow(&mut self, known: &mut bool) -> Result<()> {
        self.progressed = false;
        if !*known {
            self.at = cursor::load(&self.store, self.consumer.feed).await?;
            *known = true;
        }
        let at = self.at.map(|position| position.to_string()).unwrap_or_default();
        let items = timeout(SILENCE, (self.consumer.open)(at)).await.map_err(|_| silent())?.map_err(Error::Status)?;
        let mut chunks = items.ready_chunks(BATCH);
        while let Some(chunk) = timeout(SILENCE, chunks.next()).await.map_err(|_| silent())? {
            self.take(chunk).await?;
        }
        Ok(())
    }

    /// Applies what came before the first error, then fails with it.
    async fn take(&mut self, chunk: Vec<Result<T, tonic::Status>>) -> Result<()> {
        let mut rows = Vec::with_capacity(chunk.len());
        let mut step = Step { cursor: self.at, caught_up: None };
        let mut failed = Ok(());
        for item in chunk {
            match item {
                Ok(item) => {
                    if step.take((self.consumer.mark)(&item))? {
                        rows.push(item);
                    }
                }
                Err(status) => {
                    failed = Err(Error::Status(status));
                    break;
                }
            }
        }
        self.commit(&rows, step).await?;
        failed
    }

    async fn commit(&mut self, rows: &[T], step: Step) -> Result<()> {
        let due = step.cursor != self.at && self.saved.is_none_or(|saved| saved.elapsed() >= SAVE);
        if !rows.is_empty() || due {
            let tx = self.store.begin().await?;
            if !rows.is_empty() {
                (self.apply)(&tx, rows).await?;
            }
            if let Some(position) = step.cursor {
                cursor::save(&tx, self.consumer.feed, position).await?;
                self.saved = Some(Instant::now());
            }
            tx.commit().await?;
        }
        self.at = step.cursor;
        self.progressed |= !rows.is_empty() || step.caught_up.is_some();
        self.consumer.status.note(|progress| {
            progress.cursor = step.cursor;
            progress.caught_up = step.caught_up.or(progress.caught_up);
            progress.applied += rows.len() as u64;
        });
        Ok(())
    }
}

/// What a batch moves.
struct Step {
    cursor: Option<Position>,
    caught_up: Option<chrono::DateTime<chrono::Utc>>,
}

impl Step {
    /// Takes a message into account; tells whether it is a row.
    fn take(&mut self, mark: Mark<'_>) -> Result<bool> {
        match mark {
            // The rows of a snapshot have no cursor: until its end there is nowhere to go on.
            Mark::Row(header) if header.cursor.is_empty() => {}
            Mark::Row(header) => self.cursor = Some(header.cursor.parse()?),
            Mark::Heartbeat(heartbeat) => {
                self.cursor = Some(heartbeat.cursor.parse()?);
                self.caught_up = heartbeat.caught_up_time.as_ref().and_then(clock::datetime).or(self.caught_up);
            }
            Mark::Unknown => {}
        }
        Ok(matches!(mark, Mark::Row(_)))
    }
}

fn is_expired(error: &Error) -> bool {
    matches!(error, Error::Status(status) if status.code() == tonic::Code::OutOfRange)
}

fn silent() -> Error {
    Error::StaleData { why: "the feed fell silent".into() }
}
