//! Batches: cutting rows into requests, keeping a few in flight, sending again what the other side was too busy for.

use std::{future::Future, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::{Code, Status};

use super::progress::Progress;
use super::{Fault, KEPT_FAULTS, Loaded};

/// Rows in a request, the most that any takes.
const ROWS: usize = 1000;
/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// How often a request is sent before it is given up: pauses of 50 ms, doubling, about a minute in all.
const ATTEMPTS: u32 = 11;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The answer to one batch, faults counted from its first row.
pub(super) struct Answer {
    pub(super) new: i32,
    pub(super) known: i32,
    pub(super) faults: Vec<Fault>,
}

/// Sends all rows, in no order between batches.
pub(super) async fn load<T, F>(
    what: &'static str,
    rows: impl Iterator<Item = T>,
    send: impl Fn(Vec<T>) -> F,
) -> Result<Loaded, Status>
where
    T: Clone,
    F: Future<Output = Result<Answer, Status>>,
{
    let progress = Progress::new(what, rows.size_hint());
    let mut loaded = stream::iter(batches(rows))
        .map(|(first, batch)| {
            let send = &send;
            async move {
                let sent = batch.len() as u64;
                persist(batch, send).await.map(|answer| (first, sent, answer))
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .inspect_ok(|(_, sent, _)| progress.add(*sent))
        .try_fold(
            Loaded::default(),
            |loaded, (first, sent, answer)| async move { Ok(add(loaded, first, sent, answer)) },
        )
        .await?;
    loaded.faults.sort_by_key(|fault| fault.index);
    progress.finish();
    Ok(loaded)
}

/// Cuts rows into batches, each with the place of its first row.
fn batches<T>(mut rows: impl Iterator<Item = T>) -> impl Iterator<Item = (u64, Vec<T>)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let batch: Vec<T> = rows.by_ref().take(ROWS).collect();
        let at = first;
        first += batch.len() as u64;
        (!batch.is_empty()).then_some((at, batch))
    })
}

/// Sends a batch until it is answered, or refused for good.
pub(crate) async fn persist<T: Clone, A, F>(batch: T, send: impl Fn(T) -> F) -> Result<A, Status>
where
    F: Future<Output = Result<A, Status>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match send(batch.clone()).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {}
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    send(batch).await
}

fn add(mut loaded: Loaded, first: u64, sent: u64, answer: Answer) -> Loaded {
    loaded.sent += sent;
    loaded.new += u64::try_from(answer.new).unwrap_or(0);
    loaded.known += u64::try_from(answer.known).unwrap_or(0);
    loaded.refused += answer.faults.len() as u64;
    let room = KEPT_FAULTS.saturating_sub(loaded.faults.len());
    let placed = answer.faults.into_iter().map(|fault| Fault { index: first + fault.index, ..fault });
    loaded.faults.extend(placed.take(room));
    loaded
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn all_new<T>(batch: &[T]) -> Answer {
        Answer { new: batch.len() as i32, known: 0, faults: Vec::new() }
    }

    #[tokio::test]
    async fn every_row_is_sent_once_in_batches_of_a_thousand() {
        let (sizes, rows) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let loaded = load("rows", 0..2_500, |batch: Vec<i32>| {
            sizes.borrow_mut().push(batch.len());
            rows.borrow_mut().extend(batch.iter().copied());
            let answer = all_new(&batch);
            async { Ok(answer) }
        });
        assert_eq!(loaded.await.unwrap(), Loaded { sent: 2_500, new: 2_500, ..Loaded::default() });
        assert_eq!(sizes.take(), [1000, 1000, 500]);
        let mut rows = rows.take();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..2_500));
    }

    #[tokio::test]
    async fn nothing_to_send_sends_nothing() {
        let loaded = load("rows", std::iter::empty::<i32>(), |_| async { Err(Status::internal("called")) });
        assert_eq!(loaded.await.unwrap(), Loaded::default());
    }

    #[tokio::test]
    async fn faults_are_placed_in_the_source() {
        let loaded = load("rows", 0..1_200, |batch: Vec<i32>| async move {
            let fault = Fault { index: 7, field: "f".to_owned(), description: "is required".to_owned() };
            Ok(Answer { new: batch.len() as i32 - 1, known: 0, faults: vec![fault] })
        });
        let loaded = loaded.await.unwrap();
        assert_eq!(loaded.faults.iter().map(|fault| fault.index).collect::<Vec<_>>(), [7, 1_007]);
        assert_eq!((loaded.new, loaded.refused), (1_198, 2));
        assert_eq!(loaded.faults[1].to_string(), "row 1007: f is required");
    }

    #[tokio::test]
    async fn a_busy_service_is_asked_again_and_a_refusal_is_not() {
        for (code, calls) in [(Code::Unavailable, 3), (Code::ResourceExhausted, 3), (Code::PermissionDenied, 1)] {
            let count = Cell::new(0);
            let loaded = load("rows", 0..5, |batch: Vec<i32>| {
                count.set(count.get() + 1);
                let answer = if count.get() < 3 { Err(Status::new(code, "no")) } else { Ok(all_new(&batch)) };
                async { answer }
            });
            assert_eq!(loaded.await.is_ok(), calls == 3, "{code:?}");
            assert_eq!(count.get(), calls, "{code:?}");
        }
    }

    #[tokio::test]
    async fn no_more_than_a_few_are_in_flight() {
        let (now, most) = (Cell::new(0_usize), Cell::new(0_usize));
        let loaded = load("rows", 0..20_000, |batch: Vec<i32>| {
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::task::yield_now().await;
                now.set(now.get() - 1);
                Ok(all_new(&batch))
            }
        });
        assert_eq!(loaded.await.unwrap().new, 20_000);
        assert_eq!(most.get(), IN_FLIGHT);
    }
}
