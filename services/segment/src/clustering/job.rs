//! The work behind clusterings: takes up one fit after the other, says how far it is, stops when it is cancelled, and
//! keeps what was found. A fit that a process left behind is taken up from its beginning.

use std::sync::Arc;
use std::time::Duration;

use huan_chassis::store::Store;
use huan_chassis::{Error, Result, clock};
use huan_proto::segment::v1 as pb;
use tokio::sync::Notify;

use super::{Before, Work, find_clustering};
use crate::catalogue::{Catalogue, Kind};
use crate::cluster::Unfit;
use crate::cluster::progress::Progress;
use crate::memory::{Memory, decode};
use crate::store::build::{Found, members_of};
use crate::store::entity::clustering_job::Model;
use crate::store::{clustering, clustering_job};

/// How often a running fit says how far it is, and hears whether it is cancelled.
const BEAT: Duration = Duration::from_millis(200);

/// After how long without a word another process takes a fit up.
const SILENCE: Duration = Duration::from_secs(30);

/// Wakes the worker of this process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Notify>);

impl Jobs {
    /// Says that there is something to do.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Works until the store is closed. `pause`: how often to look for fits that other processes left or were asked for.
pub async fn work(store: Store, memory: Memory, jobs: Jobs, pause: Duration) {
    let process = format!("{}-{}", std::process::id(), clock::micros(clock::system_now()));
    loop {
        let more = tokio::select! {
            () = store.closed() => return,
            // Cut off by the close: the fit is told to stop, and begins anew with the next start.
            more = next(&store, &memory, &process) => more,
        };
        let rest = match more {
            Ok(true) => continue,
            Ok(false) => pause,
            Err(error) => {
                tracing::warn!(%error, "a clustering could not be worked on");
                pause
            }
        };
        tokio::select! {
            () = store.closed() => return,
            () = jobs.0.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Takes up the next fit and sees it to its end; false if there is none.
async fn next(store: &Store, memory: &Memory, process: &str) -> Result<bool> {
    let now = clock::system_now();
    // A database of one writer has one process: whatever else ran there is gone.
    let silent_since = if store.has_one_writer() { i64::MAX } else { clock::micros(now - SILENCE) };
    let Some(job) = clustering_job::claim_job(store, process, clock::micros(now), silent_since).await? else {
        return Ok(false);
    };
    let progress = Arc::new(Progress::default());
    let _stop = StopOnDrop(progress.clone());
    let found = tokio::select! {
        found = find(store, memory, &job, progress.clone()) => found?,
        () = beat(store, &job, &progress) => Err(Unfit::Stopped),
    };
    let now = clock::micros(clock::system_now());
    match found {
        Err(Unfit::Stopped) => {}
        Err(Unfit::Because(why)) => clustering_job::fail_job(store, &job, why, now).await?,
        Ok((clustering, members)) => {
            if clustering_job::finish_job(store, &job, clustering, members, now).await? {
                memory.refresh(store, &job.tenant).await?;
            }
        }
    }
    Ok(true)
}

/// Stops a fit that nobody waits for any more.
struct StopOnDrop(Arc<Progress>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Says how far a fit is, until it is no longer this process's.
async fn beat(store: &Store, job: &Model, progress: &Progress) {
    loop {
        tokio::time::sleep(BEAT).await;
        match clustering_job::beat_job(store, job, progress.seen(), clock::micros(clock::system_now())).await {
            Ok(true) => {}
            Ok(false) => return,
            // The fit goes on: at the end it is seen whose it is.
            Err(error) => tracing::warn!(%error, "a clustering's progress could not be kept"),
        }
    }
}

/// Finds the clusters, off the async threads.
async fn find(
    store: &Store,
    memory: &Memory,
    job: &Model,
    progress: Arc<Progress>,
) -> Result<Result<(pb::Clustering, Found), Unfit>> {
    let kept = clustering::get_clustering(store, &job.tenant, &job.clustering_id).await?;
    let kept: pb::Clustering = decode(&kept.payload)?;
    let before = before(store, job, &kept).await?;
    let work = match work_on(memory, &job.tenant, &kept.features, before) {
        Ok(work) => work,
        // The catalogue has changed since it was asked for.
        Err(error) => return Ok(Err(Unfit::Because(error.to_string()))),
    };
    let asked = pb::Clustering {
        seed: job.seed as u64,
        version: job.version,
        checker: String::new(),
        as_of_time: Some(clock::timestamp(clock::from_micros(work.as_of))),
        ..kept
    };
    let found = tokio::task::spawn_blocking(move || find_clustering(asked, &work, &progress)).await;
    Ok(found.unwrap_or_else(|panic| Err(Unfit::Because(format!("a fault of ours: {}", told(&panic))))))
}

// What a panic said may name anything, so it goes to the log alone.
fn told(panic: &tokio::task::JoinError) -> &'static str {
    tracing::error!(%panic, "a clustering ended in a panic");
    "it is in the log"
}

/// All that is looked at, as it stands now. Errors: Invalid for each feature that is unknown or not a number.
pub fn work_on(memory: &Memory, tenant: &str, features: &[String], before: Option<Before>) -> Result<Work> {
    let tenant = memory.tenant(tenant);
    let slots = tenant.read(|state| slots(&state.catalogue, features))?;
    let (rows, _, time) = tenant.snapshot();
    let now = time.now();
    // Half of the machine is left for callers.
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    Ok(Work { rows, slots, today: time.day(now), as_of: clock::micros(now), threads, before })
}

async fn before(store: &Store, job: &Model, kept: &pb::Clustering) -> Result<Option<Before>> {
    if kept.version == 0 {
        return Ok(None);
    }
    let mut members = Vec::with_capacity(kept.clusters.len());
    for cluster in &kept.clusters {
        let name = format!("{}/{}", job.clustering_id, cluster.number);
        members.push(members_of(store, &job.tenant, &name, None).await?.unwrap_or_default().1);
    }
    Ok(Some(Before { clusters: kept.clusters.clone(), members }))
}

/// The columns of the features. Errors: Invalid for each that is unknown or not a number.
fn slots(catalogue: &Catalogue, features: &[String]) -> Result<Vec<usize>> {
    let mut faults = Vec::new();
    let mut slots = Vec::with_capacity(features.len());
    for (at, name) in features.iter().enumerate() {
        let description = match catalogue.find(name).map(|feature| feature.column) {
            Some(column) if column.kind == Kind::Number => {
                slots.push(column.slot);
                continue;
            }
            Some(_) => "is not a number".to_owned(),
            None => {
                let hint = catalogue.nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                format!("is no feature{hint}")
            }
        };
        faults.push(huan_chassis::FieldFault { field: format!("clustering.features[{at}]"), description });
    }
    if faults.is_empty() { Ok(slots) } else { Err(Error::Invalid(faults)) }
}
