//! How far a service has read the feeds that it consumes, for its own code and for `FeedService`.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use huan_proto::feed::v1::{
    ConsumerStatus, GetFeedStatusRequest, GetFeedStatusResponse,
    feed_service_server::{FeedService, FeedServiceServer},
};
use tokio::sync::watch;
use tonic::{Request, Response};

use super::Position;
use crate::clock;

/// How far one feed is read. Clones share it.
#[derive(Clone, Debug)]
pub struct Status {
    feed: &'static str,
    progress: Arc<watch::Sender<Progress>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub cursor: Option<Position>,
    pub caught_up: Option<DateTime<Utc>>,
    pub applied: u64,
}

impl Status {
    /// The status of a feed of which nothing is read.
    pub fn new(feed: &'static str) -> Self {
        Self { feed, progress: Arc::default() }
    }

    /// System time of which it is known that everything committed before it is applied; None before the first
    /// heartbeat.
    pub fn caught_up(&self) -> Option<DateTime<Utc>> {
        self.progress.borrow().caught_up
    }

    /// The position up to which everything is applied and committed; None until the first snapshot is complete.
    pub fn cursor(&self) -> Option<Position> {
        self.progress.borrow().cursor
    }

    /// Rows applied since the process started.
    pub fn applied(&self) -> u64 {
        self.progress.borrow().applied
    }

    /// Waits until everything up to a position is applied; false if that is not so in time.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> bool {
        if position <= self.cursor().unwrap_or_default() {
            return true;
        }
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(|progress| progress.cursor.is_some_and(|cursor| cursor >= position));
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// Notes progress and tells who waits for it.
    pub(super) fn note(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    fn message(&self) -> ConsumerStatus {
        let progress = *self.progress.borrow();
        ConsumerStatus {
            feed: self.feed.to_owned(),
            cursor: progress.cursor.map(|cursor| cursor.to_string()).unwrap_or_default(),
            caught_up_time: progress.caught_up.map(clock::timestamp),
            applied: progress.applied.try_into().unwrap_or(i64::MAX),
        }
    }
}

/// `FeedService` over the statuses of a service's consumers; none for a service that consumes nothing.
pub fn server(statuses: Vec<Status>) -> FeedServiceServer<Rpc> {
    FeedServiceServer::new(Rpc::new(statuses))
}

/// `FeedService`.
#[derive(Clone, Debug)]
pub struct Rpc(Vec<Status>);

impl Rpc {
    /// Tells of these consumers.
    pub fn new(statuses: Vec<Status>) -> Self {
        Self(statuses)
    }
}

#[tonic::async_trait]
impl FeedService for Rpc {
    async fn get_feed_status(
        &self,
        _: Request<GetFeedStatusRequest>,
    ) -> Result<Response<GetFeedStatusResponse>, tonic::Status> {
        let consumers = self.0.iter().map(Status::message).collect();
        Ok(Response::new(GetFeedStatusResponse { consumers }))
    }
}
