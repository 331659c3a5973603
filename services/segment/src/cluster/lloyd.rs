//! K-means: Lloyd's algorithm (1982) over blocks of points on all cores, from starts by k-means++ (Arthur and
//! Vassilvitskii 2007).
//!
//! Points are turned on their side once, 32 at a time, so that distances are reckoned for 32 points in wide registers. A
//! step reads every point once, and moves only those whose centre changed from one sum to the other. The wide versions
//! are chosen as the processor has them; products are fused into sums in all of them, so every processor finds the same
//! bits. Sums are kept by block and added in order of the blocks, so any number of threads finds the same too.

use std::sync::{Mutex, PoisonError};

use huan_proto::segment::v1::ClusteringPhase;
use multiversion::multiversion;

use super::draw::Draw;
use super::progress::{Progress, Stopped};
use super::{NONE, Points, squared_distance};

/// Points reckoned at a time.
const TILE: usize = 32;

/// Points of a block: what a thread takes at once.
const BLOCK: usize = 4096;

/// Points that starts are tried on.
const START_SAMPLE: usize = 20_000;

/// Starts tried; the best one counts.
const STARTS: u64 = 5;

/// The most steps.
const STEPS: usize = 100;

/// What k-means found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The centres, row by row.
    pub centres: Vec<f64>,
    /// The nearest centre of each point.
    pub labels: Vec<u32>,
    /// Mean squared distance of the points to their centres.
    pub inertia: f64,
}

/// Finds `k` clusters. `fit_sample` > 0: of so many points, with a last step over all. Errors: Stopped.
pub fn find(
    points: &Points,
    k: usize,
    seed: u64,
    fit_sample: usize,
    threads: usize,
    progress: &Progress,
) -> Result<Found, Stopped> {
    let mut draw = Draw::new(seed, 1);
    let part =
        (fit_sample > 0 && fit_sample < points.len()).then(|| points.take(&draw.sample(points.len(), fit_sample)));
    let fitted = part.as_ref().unwrap_or(points);
    let sample = fitted.take(&draw.sample(fitted.len(), START_SAMPLE));
    let mut best: Option<Found> = None;
    for _ in 0..STARTS {
        let start = spread_out(&sample, k, &mut draw, threads);
        let found = run(&sample, start, STEPS, threads, &mut |_| progress.check())?;
        if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
            best = Some(found);
        }
    }
    let start = best.map(|best| best.centres).unwrap_or_default();
    let mut note = |step: usize| progress.note(ClusteringPhase::Fitting, step, STEPS);
    let centres =
        if fitted.len() > sample.len() { run(fitted, start, STEPS, threads, &mut note)?.centres } else { start };
    let steps = if part.is_some() { 1 } else { STEPS };
    run(points, centres, steps, threads, &mut note)
}

/// Moves centres to the means of their points, `steps` times or until no point changes its centre; a centre without
/// points stays. The labels and the inertia are those of the last centres. `note` hears of each step. Errors: Stopped.
pub fn run(
    points: &Points,
    mut centres: Vec<f64>,
    steps: usize,
    threads: usize,
    note: &mut dyn FnMut(usize) -> Result<(), Stopped>,
) -> Result<Found, Stopped> {
    let (tiles, width) = (tiles_of(points, threads), points.width);
    let mut labels = vec![NONE; points.len()];
    let mut sums = Sums::new(centres.len(), width);
    for step in 0..steps {
        note(step)?;
        let moved = pass(&tiles, width, &centres, &mut labels, threads);
        sums.add(&moved);
        sums.recentre(&mut centres, width);
        if moved.changed == 0 {
            break;
        }
    }
    let last = pass(&tiles, width, &centres, &mut labels, threads);
    Ok(Found { centres, labels, inertia: last.inertia / points.len().max(1) as f64 })
}

/// The nearest centre of each point and the squared distance to it; of two as near, the one before.
pub fn nearest(points: &Points, centres: &[f64], threads: usize) -> (Vec<u32>, Vec<f64>) {
    let (mut labels, mut distances) = (vec![0; points.len()], vec![0.0; points.len()]);
    let rows = points.values.chunks(BLOCK * points.width);
    let blocks = rows.zip(labels.chunks_mut(BLOCK)).zip(distances.chunks_mut(BLOCK));
    each(blocks, threads, |((rows, labels), distances)| nearest_of(rows, points.width, centres, labels, distances));
    (labels, distances)
}

/// All points, turned on their side tile by tile.
fn tiles_of(points: &Points, threads: usize) -> Vec<f64> {
    let (width, tiles) = (points.width, points.len().div_ceil(TILE));
    let mut turned = vec![0.0; tiles * TILE * width];
    let rows = points.values.chunks(BLOCK * width).zip(turned.chunks_mut(BLOCK * width));
    each(rows, threads, |(rows, turned)| {
        let tiles = rows.chunks(TILE * width).zip(turned.chunks_exact_mut(TILE * width));
        tiles.for_each(|(rows, turned)| turn(rows, width, turned));
    });
    turned
}

/// What points add up to by centre, or what a pass moves from one centre to another.
struct Sums {
    sums: Vec<f64>,
    sizes: Vec<i64>,
    inertia: f64,
    changed: u64,
}

impl Sums {
    fn new(values: usize, width: usize) -> Self {
        Self { sums: vec![0.0; values], sizes: vec![0; values / width], inertia: 0.0, changed: 0 }
    }

    fn recentre(&self, centres: &mut [f64], width: usize) {
        let rows = centres.chunks_exact_mut(width).zip(self.sums.chunks_exact(width)).zip(&self.sizes);
        for ((centre, sum), size) in rows.filter(|(_, size)| **size > 0) {
            centre.iter_mut().zip(sum).for_each(|(centre, sum)| *centre = sum / *size as f64);
        }
    }

    fn add(&mut self, more: &Sums) {
        self.sums.iter_mut().zip(&more.sums).for_each(|(sum, more)| *sum += more);
        self.sizes.iter_mut().zip(&more.sizes).for_each(|(size, more)| *size += more);
        self.inertia += more.inertia;
        self.changed += more.changed;
    }
}

fn pass(tiles: &[f64], width: usize, centres: &[f64], labels: &mut [u32], threads: usize) -> Sums {
    let blocks = tiles.chunks(BLOCK * width).zip(labels.chunks_mut(BLOCK));
    let mut moved: Vec<Sums> = (0..blocks.len()).map(|_| Sums::new(centres.len(), width)).collect();
    each(blocks.zip(&mut moved), threads, |((tiles, labels), moved)| step_of(tiles, width, centres, labels, moved));
    let mut all = Sums::new(centres.len(), width);
    moved.iter().for_each(|block| all.add(block));
    all
}

/// Works through items on some threads, whoever is free taking the next.
pub fn each<T: Send>(items: impl Iterator<Item = T> + Send, threads: usize, work: impl Fn(T) + Sync) {
    let items = Mutex::new(items);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
}

/// One step over a block: labels anew, and what moves from one centre to another.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn step_of(tiles: &[f64], width: usize, centres: &[f64], labels: &mut [u32], moved: &mut Sums) {
    let mut inertia = [0.0; TILE];
    for (tile, labels) in tiles.chunks_exact(TILE * width).zip(labels.chunks_mut(TILE)) {
        let (places, distances) = nearest_of_tile(tile, width, centres);
        for (at, label) in labels.iter_mut().enumerate() {
            inertia[at] += distances[at];
            if *label == places[at] as u32 {
                continue;
            }
            let (from, to) = (*label, places[at] as usize);
            let values = tile.iter().skip(at).step_by(TILE);
            moved.sums[to * width..].iter_mut().zip(values.clone()).for_each(|(sum, value)| *sum += value);
            moved.sizes[to] += 1;
            if from != NONE {
                let from = from as usize;
                moved.sums[from * width..].iter_mut().zip(values).for_each(|(sum, value)| *sum -= value);
                moved.sizes[from] -= 1;
            }
            *label = places[at] as u32;
            moved.changed += 1;
        }
    }
    moved.inertia = inertia.iter().sum();
}

/// The nearest centre of each point of a block, and how far it is.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn nearest_of(rows: &[f64], width: usize, centres: &[f64], labels: &mut [u32], distances: &mut [f64]) {
    let mut turned = vec![0.0; width * TILE];
    let tiles = rows.chunks(TILE * width).zip(labels.chunks_mut(TILE)).zip(distances.chunks_mut(TILE));
    for ((rows, labels), distances) in tiles {
        turn(rows, width, &mut turned);
        let (places, found) = nearest_of_tile(&turned, width, centres);
        labels.iter_mut().zip(places).for_each(|(label, place)| *label = place as u32);
        distances.iter_mut().zip(found).for_each(|(distance, found)| *distance = found);
    }
}

/// Turns a tile on its side: the first coordinates of all its points, then the second ones, and so on.
#[inline(always)]
fn turn(rows: &[f64], width: usize, turned: &mut [f64]) {
    for (at, row) in rows.chunks_exact(width).enumerate() {
        for (column, value) in row.iter().enumerate() {
            turned[column * TILE + at] = *value;
        }
    }
}

/// Loops over arrays of a fixed size, which the compiler makes wide.
#[inline(always)]
fn nearest_of_tile(turned: &[f64], width: usize, centres: &[f64]) -> ([u64; TILE], [f64; TILE]) {
    let (mut places, mut best) = ([0; TILE], [f64::INFINITY; TILE]);
    let (columns, _) = turned.as_chunks::<TILE>();
    for (place, centre) in centres.chunks_exact(width).enumerate() {
        let mut sums = [0.0; TILE];
        for (column, centre) in columns.iter().zip(centre) {
            for at in 0..TILE {
                let apart = column[at] - centre;
                sums[at] = apart.mul_add(apart, sums[at]);
            }
        }
        for at in 0..TILE {
            let nearer = sums[at] < best[at];
            best[at] = if nearer { sums[at] } else { best[at] };
            places[at] = if nearer { place as u64 } else { places[at] };
        }
    }
    (places, best)
}

/// K-means++ with several candidates a centre, of which the best is taken: as many as scikit-learn tries.
fn spread_out(points: &Points, k: usize, draw: &mut Draw, threads: usize) -> Vec<f64> {
    let trials = 2 + (k as f64).ln() as usize;
    let mut centres = points.row(draw.below(points.len())).to_vec();
    let mut distances = nearest(points, &centres, threads).1;
    for _ in 1..k {
        let candidates = (0..trials).map(|_| draw.weighted(&distances)).collect::<Vec<_>>();
        let tried = candidates.into_iter().map(|at| {
            let row = points.row(at);
            let nearer = points.rows().zip(&distances).map(|(point, so_far)| squared_distance(point, row).min(*so_far));
            let nearer: Vec<f64> = nearer.collect();
            (at, nearer.iter().sum::<f64>(), nearer)
        });
        let Some((at, _, nearer)) = tried.min_by(|left, right| left.1.total_cmp(&right.1)) else { break };
        centres.extend_from_slice(points.row(at));
        distances = nearer;
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{inertia, means_of, sizes_of};

    fn cloud(rows: usize, width: usize) -> Points {
        let mut draw = Draw::new(3, 0);
        let values = (0..rows * width).map(|at| draw.unit() + ((at / width) % 4) as f64).collect();
        Points { values, width }
    }

    fn found(points: &Points, k: usize, seed: u64, fit_sample: usize, threads: usize) -> Found {
        find(points, k, seed, fit_sample, threads, &Progress::default()).unwrap()
    }

    #[test]
    fn every_point_is_with_the_nearest_centre_and_every_centre_is_the_mean_of_its_points() {
        for (rows, width) in [(1, 1), (31, 2), (4097, 3), (300, 17)] {
            let points = cloud(rows, width);
            let k = 4.min(rows);
            let found = found(&points, k, 1, 0, 1);
            for (row, label) in points.rows().zip(&found.labels) {
                let distances = found.centres.chunks_exact(width).map(|centre| squared_distance(row, centre));
                let best = distances.enumerate().min_by(|left, right| left.1.total_cmp(&right.1)).unwrap();
                assert_eq!(best.0, *label as usize);
            }
            let means = means_of(&points, &found.labels, k);
            assert!(means.iter().zip(&found.centres).all(|(mean, centre)| (mean - centre).abs() < 1e-12));
            assert!((inertia(&points, &found.labels, &found.centres) - found.inertia).abs() < 1e-12);
        }
    }

    #[test]
    fn any_number_of_threads_finds_the_same_bits() {
        let points = cloud(9000, 3);
        let run = |threads| run(&points, points.values[..12].to_vec(), 4, threads, &mut |_| Ok(())).unwrap();
        assert_eq!(run(1), run(3));
        let few = cloud(300, 3);
        assert_eq!(found(&few, 4, 5, 0, 1), found(&few, 4, 5, 0, 2));
        assert_ne!(found(&few, 9, 5, 0, 1).centres, found(&few, 9, 6, 0, 1).centres);
    }

    #[test]
    fn a_sample_with_a_last_step_over_all_is_almost_as_good() {
        let points = cloud(5000, 2);
        let (all, part) = (found(&points, 4, 5, 0, 2), found(&points, 4, 5, 500, 2));
        assert!(part.inertia < all.inertia * 1.01, "{} {}", part.inertia, all.inertia);
        assert_eq!(part.labels.len(), 5000);
    }

    #[test]
    fn points_that_are_all_alike_are_one_cluster() {
        let points = Points { values: vec![3.0; 10], width: 2 };
        assert_eq!(sizes_of(&found(&points, 2, 0, 0, 1).labels, 2), [5, 0]);
    }

    #[test]
    fn it_can_be_stopped() {
        let progress = Progress::default();
        progress.stop();
        assert_eq!(find(&cloud(100, 2), 3, 1, 0, 1, &progress), Err(Stopped));
    }
}
