//! A feed as a stream: the state as it stands, if the watcher has no cursor, then every change in order, and heartbeats.
//! It owns when to read and what to say; the messages are the service's own.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream::BoxStream};
use huan_proto::feed::v1::{Header, Heartbeat};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, LikeExpr, Query},
};
use tokio::{
    sync::{mpsc, watch::Receiver},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Position, entity,
    fence::Head,
    retain::{floor, read_floor},
};
use crate::{
    Error, Result,
    clock::{from_micros, timestamp},
    config,
    identity::within,
    store::Store,
};

/// Rows read at once.
const PAGE: u64 = 500;
/// Items made before the watcher takes them.
const AHEAD: usize = 256;
/// How soon a fence is looked at again; each further look waits twice as long, up to the polling time.
const FENCE: Duration = Duration::from_millis(2);

/// Whose rows a watcher wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The tenants; none = all.
    pub tenants: Vec<String>,
    /// Customers owned at or below this path, and what is about no customer; empty = all.
    pub owner_path: String,
}

impl Filter {
    /// True if rows with this header are wanted.
    pub fn wants(&self, header: &Header) -> bool {
        let of_tenant = self.tenants.is_empty() || self.tenants.contains(&header.tenant_id);
        of_tenant && (header.customer_id.is_empty() || within(&header.owner_path, &self.owner_path))
    }

    fn rows(&self) -> Condition {
        let mut wanted = Condition::all();
        if !self.tenants.is_empty() {
            wanted = wanted.add(entity::Column::Tenant.is_in(&self.tenants));
        }
        if within("/", &self.owner_path) {
            return wanted;
        }
        // Within its own organisation path, no letter of which LIKE reads otherwise but _.
        let path = self.owner_path.trim_end_matches('/');
        let below = LikeExpr::new(format!("{}/%", path.replace('_', "\\_"))).escape('\\');
        let owned = Condition::any().add(entity::Column::OwnerPath.eq(path)).add(entity::Column::OwnerPath.like(below));
        wanted.add(owned.add(entity::Column::CustomerId.eq("")))
    }
}

/// What a watcher wants, and how the service says it.
pub struct Watch<T> {
    /// Where to go on; empty = from the state as it stands.
    pub cursor: String,
    /// The kinds wanted; none = all.
    pub kinds: Vec<i32>,
    /// Whose rows are wanted; the snapshot holds no others.
    pub filter: Filter,
    /// The state as it stands, in rows with empty cursors. Polled only if there is no cursor, and not before the
    /// position is noted from which the changes follow.
    pub snapshot: BoxStream<'static, Result<T>>,
    /// The service's message for a row.
    pub row: fn(Entry) -> Result<T>,
    /// The service's message for a heartbeat.
    pub heartbeat: fn(Heartbeat) -> T,
}

impl<T> std::fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("cursor", &self.cursor).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

/// One row of a feed, as it was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What every row says of itself.
    pub header: Header,
    /// What kind of change.
    pub kind: i32,
    /// The change.
    pub payload: Vec<u8>,
}

/// Watches a feed until the store is closed or the stream is dropped. Errors: Invalid for a cursor that is not one of
/// ours; in the stream, CursorExpired for one that is older than retention.
pub fn watch<T: Send + 'static>(
    store: &Store,
    config: &config::Feed,
    watch: Watch<T>,
) -> Result<BoxStream<'static, Result<T, tonic::Status>>> {
    let cursor = (!watch.cursor.is_empty()).then(|| watch.cursor.parse::<Position>()).transpose()?;
    let watcher = Watcher {
        wake: store.published(),
        store: store.clone(),
        poll: Duration::from_millis(config.poll_millis.max(1)),
        heartbeat_every: Duration::from_millis(config.heartbeat_millis.max(1)),
        stage: if cursor.is_some() { Stage::Resume } else { Stage::Begin },
        cursor: cursor.map_or(-1, |cursor| cursor.0),
        told: -1,
        caught_up: None,
        next_heartbeat: Instant::now(),
        patience: FENCE,
        target: None,
        ready: VecDeque::new(),
        watch,
    };
    let (items, received) = mpsc::channel(AHEAD);
    let (closed, dropped) = (store.closed(), items.clone());
    // A task of its own: read only as the watcher reads, a query would hold its connection while the watcher is slow.
    tokio::spawn(async move {
        tokio::select! {
            () = closed => {}
            () = dropped.closed() => {}
            () = watcher.run(items) => {}
        }
    });
    Ok(ReceiverStream::new(received).boxed())
}

struct Watcher<T> {
    store: Store,
    wake: Receiver<()>,
    poll: Duration,
    heartbeat_every: Duration,
    watch: Watch<T>,
    stage: Stage,
    /// Everything wanted up to here is sent, or about to be.
    cursor: i64,
    /// The last position that the watcher was told.
    told: i64,
    /// Everything committed before this is sent.
    caught_up: Option<DateTime<Utc>>,
    next_heartbeat: Instant,
    /// How long to wait before a fence is looked at again.
    patience: Duration,
    /// How far to read next.
    target: Option<Head>,
    ready: VecDeque<T>,
}

enum Stage {
    /// There is a cursor, not yet tried.
    Resume,
    /// There is no cursor: the position is not yet noted from which the changes follow.
    Begin,
    Snapshot,
    Tail,
}

impl<T> Watcher<T> {
    /// Sends items until one fails or nobody receives them.
    async fn run(mut self, items: mpsc::Sender<Result<T, tonic::Status>>) {
        loop {
            let item = self.next().await;
            let failed = item.is_err();
            if items.send(item.map_err(tonic::Status::from)).await.is_err() || failed {
                return;
            }
        }
    }

    async fn next(&mut self) -> Result<T> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            match self.stage {
                Stage::Resume => self.resume().await?,
                Stage::Begin => self.begin().await?,
                Stage::Snapshot => self.snapshot().await?,
                Stage::Tail => self.tail().await?,
            }
        }
    }

    /// A cursor above the end was given before the store was restored from an older copy: it names other rows now.
    async fn resume(&mut self) -> Result<()> {
        if self.cursor > Head::see(&self.store, i64::MAX).await?.position {
            return Err(Error::CursorExpired);
        }
        self.stage = Stage::Tail;
        Ok(())
    }

    async fn begin(&mut self) -> Result<()> {
        if let Some(head) = self.settled().await? {
            self.reach(head);
            self.stage = Stage::Snapshot;
        } else {
            self.rest(self.patience).await;
        }
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<()> {
        match self.watch.snapshot.next().await.transpose()? {
            Some(item) => self.ready.push_back(item),
            None => {
                self.stage = Stage::Tail;
                self.say_heartbeat();
            }
        }
        Ok(())
    }

    async fn tail(&mut self) -> Result<()> {
        self.wake.borrow_and_update();
        match self.settled().await? {
            Some(head) if head.position > self.cursor => self.read(head).await?,
            Some(head) => self.reach(head),
            None => {}
        }
        let moved = self.target.is_none() && self.cursor > self.told;
        if Instant::now() >= self.next_heartbeat || (moved && self.ready.is_empty()) {
            self.say_heartbeat();
        } else if self.ready.is_empty() {
            let wait = if self.target.is_some() { self.patience } else { self.poll };
            self.rest(wait.min(self.next_heartbeat - Instant::now())).await;
        }
        Ok(())
    }

    /// The end of the feed, once nothing can be added below it.
    async fn settled(&mut self) -> Result<Option<Head>> {
        let head = match self.target {
            Some(head) => head,
            None => Head::see(&self.store, self.cursor).await?,
        };
        if head.is_settled(&self.store).await? {
            self.patience = FENCE;
            return Ok(Some(head));
        }
        self.target = Some(head);
        Ok(None)
    }

    /// Reads on towards a settled end.
    async fn read(&mut self, head: Head) -> Result<()> {
        let rows = self.page(head.position).await?;
        if rows.is_empty() && read_floor(&self.store).await? > self.cursor {
            return Err(Error::CursorExpired);
        }
        let more = rows.len() as u64 == PAGE;
        if let Some(last) = rows.last() {
            (self.cursor, self.told) = (last.seq, last.seq);
        }
        for row in rows {
            self.ready.push_back((self.watch.row)(entry(row))?);
        }
        if more {
            self.target = Some(head);
        } else {
            self.reach(head);
        }
        Ok(())
    }

    /// Rows after the cursor; none if one of them may have been deleted.
    async fn page(&mut self, end: i64) -> Result<Vec<entity::Model>> {
        // Here only: it would give every number a second `max`.
        use sea_orm::ExprTrait as _;
        let floor = Query::select().column(floor::Column::Seq).from(floor::Entity).to_owned();
        let mut rows = entity::Entity::find()
            .filter(entity::Column::Seq.gt(self.cursor))
            .filter(entity::Column::Seq.lte(end))
            // In the same statement: what it finds and what has been deleted are of one time.
            .filter(Expr::value(self.cursor).gte(Expr::from(floor)));
        if !self.watch.kinds.is_empty() {
            rows = rows.filter(entity::Column::Kind.is_in(self.watch.kinds.iter().copied()));
        }
        let rows = rows.filter(self.watch.filter.rows());
        Ok(rows.order_by_asc(entity::Column::Seq).limit(PAGE).all(self.store.read()).await?)
    }

    fn reach(&mut self, head: Head) {
        self.cursor = self.cursor.max(head.position);
        self.caught_up = Some(head.asked);
        self.target = None;
    }

    fn say_heartbeat(&mut self) {
        let cursor = Position(self.cursor).to_string();
        self.ready
            .push_back((self.watch.heartbeat)(Heartbeat { cursor, caught_up_time: self.caught_up.map(timestamp) }));
        self.told = self.cursor;
        self.next_heartbeat = Instant::now() + self.heartbeat_every;
    }

    /// Waits until this process publishes, or a time at most.
    async fn rest(&mut self, wait: Duration) {
        self.patience = (self.patience * 2).min(self.poll);
        // The sender lives in our own store; were it gone, the time would do.
        let _ = tokio::time::timeout(wait, self.wake.changed()).await;
    }
}

fn entry(row: entity::Model) -> Entry {
    let header = Header {
        cursor: Position(row.seq).to_string(),
        tenant_id: row.tenant,
        customer_id: row.customer_id,
        customer_key: row.customer_key,
        partition: row.partition.cast_unsigned(),
        owner_path: row.owner_path,
        traceparent: row.traceparent,
        write_time: Some(timestamp(from_micros(row.written))),
    };
    Entry { header, kind: row.kind, payload: row.payload }
}
