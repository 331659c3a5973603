//! Group commit: many callers' writes in one transaction, each answered after its commit; reads may be grouped the same
//! way. It owns the queue and what happens when a batch fails; the transaction is the caller's.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

use crate::{Error, Result};

/// How long a job may wait for a place in a full queue.
const FULL: Duration = Duration::from_secs(1);
/// Places in the queue, in batches.
const DEPTH: usize = 4;

type Answers<R> = Result<Vec<Result<R>>>;
type Apply<J, R> = dyn Fn(Vec<J>) -> BoxFuture<'static, Answers<R>> + Send + Sync;

/// The one writer of some table, fed by many callers. Clones share the queue; it ends when the last one is dropped.
pub struct Writer<J, R> {
    queue: mpsc::Sender<Pending<J, R>>,
}

impl<J, R> Clone for Writer<J, R> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<J, R> std::fmt::Debug for Writer<J, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

struct Pending<J, R> {
    job: J,
    answer: oneshot::Sender<Result<R>>,
}

impl<J: Clone + Send + Sync + 'static, R: Send + 'static> Writer<J, R> {
    /// Starts a writer. `apply` runs one transaction for up to `max_batch` jobs, commits it and answers each job in
    /// order. If it fails as a whole, every job is applied again by itself, so that a bad one fails alone.
    pub fn spawn(
        max_batch: usize,
        apply: impl Fn(Vec<J>) -> BoxFuture<'static, Answers<R>> + Send + Sync + 'static,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(max_batch.max(1) * DEPTH);
        tokio::spawn(run(jobs, max_batch.max(1), Arc::new(apply)));
        Self { queue }
    }

    /// Hands a job in and waits until it is committed. Errors: the job's own; Overloaded if the queue stays full.
    pub async fn submit(&self, job: J) -> Result<R> {
        let (answer, answered) = oneshot::channel();
        let commit = async {
            match self.queue.send_timeout(Pending { job, answer }, FULL).await {
                Ok(()) => answered.await.unwrap_or_else(|_| Err(gone())),
                Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(Error::Overloaded),
                Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(gone()),
            }
        };
        commit.instrument(tracing::info_span!("commit")).await
    }
}

async fn run<J: Clone, R>(mut jobs: mpsc::Receiver<Pending<J, R>>, max_batch: usize, apply: Arc<Apply<J, R>>) {
    let mut batch = Vec::with_capacity(max_batch);
    while jobs.recv_many(&mut batch, max_batch).await > 0 {
        // Who no longer waits was told nothing, so nothing need be done.
        batch.retain(|pending| !pending.answer.is_closed());
        if !batch.is_empty() {
            commit(std::mem::take(&mut batch), &*apply).await;
        }
    }
}

async fn commit<J: Clone, R>(batch: Vec<Pending<J, R>>, apply: &Apply<J, R>) {
    let jobs = batch.iter().map(|pending| pending.job.clone()).collect();
    let error = match attempt(jobs, apply).await {
        Ok(answers) => return answer(batch, answers),
        Err(error) => error,
    };
    match <[_; 1]>::try_from(batch) {
        Ok(single) => answer(single, [Err(error)]),
        Err(batch) => {
            tracing::warn!(%error, jobs = batch.len(), "batch failed, applying its jobs one by one");
            for Pending { job, answer: to } in batch {
                let answers = attempt(vec![job], apply).await;
                // A closed channel: the caller has gone.
                let _ = to.send(answers.and_then(|answers| answers.into_iter().next().unwrap_or_else(|| Err(gone()))));
            }
        }
    }
}

/// Whoever is left without an answer, because there were fewer answers than jobs, is told that the writer has gone.
fn answer<J, R>(batch: impl IntoIterator<Item = Pending<J, R>>, answers: impl IntoIterator<Item = Result<R>>) {
    for (pending, answer) in batch.into_iter().zip(answers) {
        let _ = pending.answer.send(answer);
    }
}

/// Runs one transaction. A panic fails the batch, not the writer.
async fn attempt<J, R>(jobs: Vec<J>, apply: &Apply<J, R>) -> Answers<R> {
    let outcome = AssertUnwindSafe(async { apply(jobs).await }).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(Error::Internal("the writer panicked".into())))
}

fn gone() -> Error {
    Error::Internal("the writer gave no answer".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{sync::Semaphore, task::JoinHandle};

    use super::*;

    /// Answers each number with its double. 13 fails its batch, 14 only itself, 15 panics.
    async fn double(jobs: Vec<u32>, batches: Arc<Mutex<Vec<usize>>>) -> Answers<u32> {
        batches.lock().unwrap().push(jobs.len());
        assert!(!jobs.contains(&15), "unlucky");
        if jobs.contains(&13) {
            return Err(Error::Internal("the whole batch".into()));
        }
        Ok(jobs.into_iter().map(|job| if job == 14 { Err(Error::CursorExpired) } else { Ok(job * 2) }).collect())
    }

    /// A writer that begins once it is let, so that what is submitted before is one batch.
    fn writer(gate: &Arc<Semaphore>) -> (Writer<u32, u32>, Arc<Mutex<Vec<usize>>>) {
        let batches = Arc::<Mutex<Vec<usize>>>::default();
        let (seen, gate) = (batches.clone(), gate.clone());
        let writer = Writer::spawn(8, move |jobs| {
            let (seen, gate) = (seen.clone(), gate.clone());
            Box::pin(async move {
                let _passed = gate.acquire().await.unwrap();
                double(jobs, seen).await
            })
        });
        (writer, batches)
    }

    async fn submit(writer: &Writer<u32, u32>, gate: &Semaphore, jobs: &[u32]) -> Vec<Result<u32>> {
        let answers = futures::future::join_all(jobs.iter().map(|job| writer.submit(*job)));
        let (answers, ()) = tokio::join!(answers, async { gate.add_permits(1) });
        answers
    }

    /// A job that the writer has taken, and with which it waits at the gate.
    async fn taken(writer: &Writer<u32, u32>, gate: &Arc<Semaphore>) -> JoinHandle<Result<u32>> {
        let first = tokio::spawn({
            let writer = writer.clone();
            async move { writer.submit(1).await }
        });
        while Arc::strong_count(gate) < 3 {
            tokio::task::yield_now().await;
        }
        first
    }

    #[tokio::test]
    async fn jobs_that_wait_together_are_committed_together() {
        let gate = Arc::new(Semaphore::new(0));
        let (writer, batches) = writer(&gate);
        let answers = submit(&writer, &gate, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).await;
        let answers: Vec<u32> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        assert_eq!(*batches.lock().unwrap(), [8, 2]);
    }

    #[tokio::test]
    async fn a_bad_job_fails_alone() {
        for bad in [13, 14, 15] {
            let gate = Arc::new(Semaphore::new(0));
            let (writer, _) = writer(&gate);
            let answers = submit(&writer, &gate, &[1, bad, 3]).await;
            let answers: Vec<Option<u32>> = answers.into_iter().map(Result::ok).collect();
            assert_eq!(answers, [Some(2), None, Some(6)], "{bad}");
            assert_eq!(writer.submit(4).await.unwrap(), 8, "the writer goes on after {bad}");
        }
    }

    #[tokio::test]
    async fn a_single_bad_job_is_not_applied_twice() {
        let gate = Arc::new(Semaphore::new(1));
        let (writer, batches) = writer(&gate);
        assert!(writer.submit(13).await.is_err());
        assert_eq!(*batches.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn a_queue_that_stays_full_says_so() {
        let gate = Arc::new(Semaphore::new(0));
        let (writer, _) = writer(&gate);
        let first = taken(&writer, &gate).await;
        let mut filling =
            std::pin::pin!(futures::future::join_all((0..8).cycle().take(8 * DEPTH).map(|job| writer.submit(job))));
        tokio::select! {
            biased;
            _ = &mut filling => panic!("the gate is shut"),
            refused = writer.submit(9) => assert!(matches!(refused, Err(Error::Overloaded))),
        }
        gate.add_permits(1);
        assert!(filling.await.iter().all(Result::is_ok));
        assert_eq!(first.await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn who_no_longer_waits_is_not_written_for() {
        let gate = Arc::new(Semaphore::new(0));
        let (writer, batches) = writer(&gate);
        let first = taken(&writer, &gate).await;
        tokio::select! {
            biased;
            _ = writer.submit(2) => panic!("the gate is shut"),
            () = tokio::task::yield_now() => {}
        }
        gate.add_permits(1);
        assert_eq!(writer.submit(3).await.unwrap(), 6);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        assert_eq!(*batches.lock().unwrap(), [1, 1]);
    }
}
