//! K-means over the peers' points, beside scikit-learn's on the same points from the same start.

use std::{path::Path, time::Instant};

use huan_segment::cluster::{Points, lloyd, progress::Progress};

use super::{Options, Row, Timing, peers};
use crate::failure::{Failure, Result};

/// Coordinates of a point.
const WIDTH: usize = 16;
/// Clusters.
const K: usize = 12;
/// Steps of the fit from the given start.
const STEPS: usize = 20;
/// Points of the fit on a sample.
const SAMPLE: usize = 50_000;
/// Of so many runs the middle one counts.
const RUNS: usize = 3;
/// How far inertias may lie apart.
const APART: f64 = 1e-4;

/// Measures the steps from a given start, and a fit on a sample with a last step over all.
pub fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let timings = peers(options, "cluster.py", options.rows, folder.path())?;
    let points = Points { values: read(&folder.path().join("points.f64"))?, width: WIDTH };
    let start = read(&folder.path().join("start.f64"))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = format!("{} x {WIDTH}, k {K}", points.len());

    let (peer, inertia) = timing(&timings, "sklearn lloyd, 20 iterations")?;
    let steps = || lloyd::run(&points, start.clone(), STEPS, threads, &mut |_| Ok(()));
    let (seconds, found) = middle(steps)?;
    if (found / inertia - 1.0).abs() > APART {
        return Err(Failure::new(format!("an inertia of {found} is not scikit-learn's {inertia}")));
    }
    let mut rows =
        vec![Row::time(&format!("k-means {size}, {STEPS} steps, beside scikit-learn's"), "s", seconds, peer, 0.8)];

    let (peer, inertia) = timing(&timings, "sklearn minibatch")?;
    let fit = || lloyd::find(&points, K, 0, SAMPLE, threads, &Progress::default());
    let (seconds, found) = middle(fit)?;
    let work = format!("k-means {size}, on a sample of {SAMPLE}, beside minibatch");
    rows.push(Row::time(&work, "s", seconds, peer, 1.0));
    rows.push(Row::time("its inertia beside minibatch's", "a point", found, inertia, 1.0));
    Ok(rows)
}

/// The seconds of the middle run, and the inertia, which is the same in all.
fn middle<E>(fit: impl Fn() -> Result<lloyd::Found, E>) -> Result<(f64, f64)> {
    let mut runs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        let found = fit().map_err(|_| Failure::new("k-means was stopped"))?;
        runs.push((started.elapsed().as_secs_f64(), found.inertia));
    }
    runs.sort_by(|left, right| left.0.total_cmp(&right.0));
    Ok(runs[RUNS / 2])
}

/// What a peer took, and the inertia that it found.
fn timing(timings: &[Timing], peer: &str) -> Result<(f64, f64)> {
    let timing = timings.iter().find(|timing| timing.peer == peer);
    let read = timing.and_then(|timing| Some((timing.seconds, timing.check.as_f64()?)));
    read.ok_or_else(|| Failure::new(format!("cluster.py timed no {peer}")))
}

fn read(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
