//! Streams of events: batches are taken in as they come, a few at once, and answered in their order. Nothing is read beyond
//! those few, so that memory is bounded and HTTP/2 holds back a sender who is faster.

use std::future::{Future, ready};

use futures::{Stream, StreamExt as _};
use huan_chassis::{Error, Result};
use huan_proto::profile::v1 as pb;
use tonic::Status;

use crate::{convert, store::ingest::Taken};

/// Batches of a stream that are worked on at once.
const IN_FLIGHT: usize = 8;

/// Answers each batch after `take_in` has taken it in. The first fault is the last answer, and nothing is read after it.
pub fn acknowledge<F: Future<Output = Result<Taken>>>(
    requests: impl Stream<Item = Result<pb::StreamEventsRequest, Status>>,
    take_in: impl Fn(Vec<pb::Event>) -> F + Clone,
) -> impl Stream<Item = Result<pb::StreamEventsResponse, Status>> {
    let batches = requests.scan(Some(0), |last, request| {
        let Some(before) = *last else { return ready(None) };
        let batch = request.map_err(Error::Status).and_then(|request| check(request, before));
        *last = batch.as_ref().ok().map(|batch| batch.sequence);
        ready(Some(batch))
    });
    batches
        .map(move |batch| {
            let take_in = take_in.clone();
            async move {
                let pb::StreamEventsRequest { sequence, events } = batch?;
                Ok(convert::event::acknowledged(sequence, take_in(events).await?))
            }
        })
        .buffered(IN_FLIGHT)
        .map(|answer: Result<_>| answer.map_err(Status::from))
}

fn check(request: pb::StreamEventsRequest, before: i64) -> Result<pb::StreamEventsRequest> {
    if request.sequence <= before {
        return Err(Error::invalid("sequence", "does not ascend"));
    }
    convert::batch("events", request.events.len()).map(|()| request)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    };

    use futures::{FutureExt as _, stream};
    use tokio::sync::Semaphore;

    use super::*;

    fn batch(sequence: i64) -> Result<pb::StreamEventsRequest, Status> {
        Ok(pb::StreamEventsRequest { sequence, events: vec![pb::Event::default()] })
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_worked_on() {
        let (read, gate) = (Arc::new(AtomicI32::new(0)), Arc::new(Semaphore::new(0)));
        let counted = read.clone();
        let requests = stream::iter(1..).map(batch).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let passing = gate.clone();
        let answers = acknowledge(requests, move |_| {
            let gate = passing.clone();
            async move {
                gate.acquire().await.map_err(|_| Error::Overloaded)?.forget();
                Ok(Taken { accepted: 1, ..Default::default() })
            }
        });
        let mut answers = std::pin::pin!(answers);
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(read.load(Ordering::SeqCst), IN_FLIGHT as i32);
        gate.add_permits(3);
        for sequence in 1..=3 {
            let answer = answers.next().await.unwrap().unwrap();
            assert_eq!((answer.sequence, answer.accepted), (sequence, 1));
        }
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(read.load(Ordering::SeqCst), IN_FLIGHT as i32 + 3);
    }

    #[tokio::test]
    async fn the_first_fault_ends_it() {
        let requests = stream::iter([batch(1), batch(3), batch(3), batch(4)]);
        let answers = acknowledge(requests, |_| async { Ok(Taken::default()) });
        let answers: Vec<Option<i64>> = answers.map(|answer| answer.ok().map(|answer| answer.sequence)).collect().await;
        assert_eq!(answers, [Some(1), Some(3), None]);
    }
}
