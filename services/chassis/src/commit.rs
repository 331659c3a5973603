//! Group commit: many callers' writes in one transaction, each answered after its commit. It owns the queue and what
//! happens when a batch fails; the transaction is the caller's.

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
        Self {
            queue: self.queue.clone(),
        }
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
