//! Two ways to call: as fast as answers return (closed loop, for rates), and on a schedule that waits for nobody (open
//! loop, for latencies: a stalled server is charged for every request that was due meanwhile).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use crate::failure::{Failure, Result};

/// Who calls on a schedule: tens of milliseconds of calls at the rates that are measured here. They are tasks that call
/// again and again; a task for each call, with all that a call needs in memory, would take more than the service does.
const CALLERS: usize = 256;
/// Calls that a 99th percentile is taken of, at least: ten of them are later.
const LEAST: u64 = 1000;

/// Calls a second with so many in flight. `call` gets the number of the call.
pub async fn closed<F, E>(
    in_flight: usize,
    length: Duration,
    call: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Result<f64>
where
    F: Future<Output = std::result::Result<(), E>> + Send,
    E: std::fmt::Display + Send + 'static,
{
    let (next, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + length);
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (next, call) = (next.clone(), call.clone());
        tasks.spawn(async move {
            while Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                call(number).await.map_err(|error| Failure::new(error.to_string()))?;
            }
            Ok::<(), Failure>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Failure::new(error.to_string()))??;
    }
    Ok(next.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

/// The 99th percentile of the time from when a call was due to its answer, at so many calls a second, for so long and
/// for a thousand calls at least. A call that is due while all callers wait for answers is made late, and its time counts
/// from when it was due all the same.
pub async fn open_p99<F, E>(
    rate: f64,
    length: Duration,
    call: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Result<Duration>
where
    F: Future<Output = std::result::Result<(), E>> + Send,
    E: std::fmt::Display + Send + 'static,
{
    let (next, started) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let calls = ((rate * length.as_secs_f64()) as u64).max(LEAST);
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let (next, call) = (next.clone(), call.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return Ok::<Vec<Duration>, Failure>(times);
                }
                let due = started + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(due).await;
                call(number).await.map_err(|error| Failure::new(error.to_string()))?;
                times.push(due.elapsed());
            }
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.extend(ended.map_err(|error| Failure::new(error.to_string()))??);
    }
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().ok_or_else(|| Failure::new("no call was made"))
}
