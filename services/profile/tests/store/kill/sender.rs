//! One who sends batches, each until it is acknowledged, and goes on where the last acknowledgement was.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures::{StreamExt as _, stream};
use huan_chassis::error::reason;
use huan_proto::profile::v1 as pb;
use tokio::sync::{Semaphore, watch};
use tonic::Status;

use super::{
    plan::{Plan, UNREGISTERED, as_sent},
    service::Door,
};

/// Batches of a stream that are sent and not answered.
const AHEAD: usize = 12;

/// What happens between a start and a kill.
pub struct Round {
    /// Batches acknowledged in it.
    pub acknowledged: watch::Sender<u64>,
    /// Whether the kill is under way: no call may fail before.
    pub killed: AtomicBool,
}

/// A sender. Every other one keeps a stream open.
pub struct Sender {
    /// Its place among the senders.
    pub number: u64,
    /// Its batches up to here are acknowledged.
    pub acknowledged: u64,
    /// Those up to here may have reached the service.
    pub sent: Arc<AtomicU64>,
    plan: Plan,
}

impl Round {
    pub fn new() -> Self {
        Self { acknowledged: watch::Sender::new(0), killed: AtomicBool::new(false) }
    }

    /// Panics unless a call failed because the process that was to answer it is gone.
    fn expect_gone(&self, status: &Status) {
        let is_gone = reason(status).is_none() && self.killed.load(Ordering::SeqCst);
        assert!(is_gone, "a call failed though nobody was killed: {status:?}");
    }
}

impl Sender {
    pub fn new(plan: Plan, number: u64) -> Self {
        Self { number, acknowledged: 0, sent: Arc::default(), plan }
    }

    /// Sends batch after batch until the service is gone.
    pub async fn send(&mut self, door: &Door, round: &Round) {
        if self.number.is_multiple_of(2) {
            self.send_one_by_one(door, round).await;
        } else {
            self.send_in_a_stream(door, round).await;
        }
    }

    /// Sends the last batch that was acknowledged again, as one who lost the answer does.
    pub async fn repeat(&self, door: &Door) {
        let Some(last) = self.acknowledged.checked_sub(1) else { return };
        let answer = door.ingest(self.batch(last)).await.unwrap();
        assert_eq!(answer.accepted, 0, "batch {last} of sender {} was acknowledged and is new", self.number);
        self.check(last, answer.duplicates, &answer.faults);
    }

    /// Sends what may have reached the service and was not acknowledged.
    pub async fn finish(&mut self, door: &Door) {
        while self.acknowledged < self.sent.load(Ordering::SeqCst) {
            let answer = door.ingest(self.batch(self.acknowledged)).await.unwrap();
            self.check(self.acknowledged, answer.accepted + answer.duplicates, &answer.faults);
            self.acknowledged += 1;
        }
    }

    async fn send_one_by_one(&mut self, door: &Door, round: &Round) {
        loop {
            self.sent.fetch_max(self.acknowledged + 1, Ordering::SeqCst);
            match door.ingest(self.batch(self.acknowledged)).await {
                Ok(answer) => self.take(round, answer.accepted + answer.duplicates, &answer.faults),
                Err(status) => return round.expect_gone(&status),
            }
        }
    }

    async fn send_in_a_stream(&mut self, door: &Door, round: &Round) {
        let (plan, number, sent) = (self.plan, self.number, self.sent.clone());
        let ahead = Arc::new(Semaphore::new(AHEAD));
        let turns = stream::unfold(ahead.clone(), async |ahead| {
            ahead.acquire().await.ok()?.forget();
            Some(((), ahead))
        });
        let batches = stream::iter(self.acknowledged..).zip(turns).map(move |(batch, ())| {
            sent.fetch_max(batch + 1, Ordering::SeqCst);
            let events = plan.batch(number, batch).into_iter().map(as_sent).collect();
            pb::StreamEventsRequest { sequence: batch as i64 + 1, events }
        });
        let mut answers = match door.events().stream_events(door.request(batches)).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => return round.expect_gone(&status),
        };
        loop {
            match answers.message().await {
                Ok(Some(answer)) => {
                    assert_eq!(answer.sequence, self.acknowledged as i64 + 1, "answers come in order");
                    self.take(round, answer.accepted + answer.duplicates, &answer.faults);
                    ahead.add_permits(1);
                }
                Ok(None) => panic!("the service ended the stream by itself"),
                Err(status) => return round.expect_gone(&status),
            }
        }
    }

    fn batch(&self, number: u64) -> Vec<pb::Event> {
        self.plan.batch(self.number, number).into_iter().map(as_sent).collect()
    }

    fn take(&mut self, round: &Round, landed: i32, faults: &[pb::RowFault]) {
        self.check(self.acknowledged, landed, faults);
        self.acknowledged += 1;
        round.acknowledged.send_modify(|count| *count += 1);
    }

    /// What landed and what was refused is what had to be.
    fn check(&self, batch: u64, landed: i32, faults: &[pb::RowFault]) {
        let events = self.plan.batch(self.number, batch);
        let refused = events.iter().filter(|event| event.r#type == UNREGISTERED).count();
        assert_eq!((landed as usize, faults.len()), (events.len() - refused, refused), "batch {batch}: {faults:?}");
    }
}
