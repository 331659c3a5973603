//! Choosing k: by the silhouette, among those whose clusters come back when the customers are drawn again.

use std::ops::RangeInclusive;

use huan_proto::segment::v1::{ClusteringCandidate as Candidate, ClusteringPhase};

use super::adjusted_rand::adjusted_rand;
use super::draw::Draw;
use super::model::Shape;
use super::progress::Progress;
use super::silhouette::Distances;
use super::{Points, Unfit, inertia};

/// Fits on bootstrap samples of each k.
pub const BOOTSTRAPS: usize = 6;

/// The most points of a bootstrap sample.
const BOOTSTRAP_SAMPLE: usize = 5_000;

/// What counts as stable.
const STABLE: f64 = 0.8;

/// Tries every k: fitted on `points`, judged on `sample`. `fit` finds k clusters of points by a seed. Errors: what
/// `fit` has.
pub fn candidates(
    points: &Points,
    sample: &Points,
    range: RangeInclusive<usize>,
    seed: u64,
    threads: usize,
    progress: &Progress,
    fit: &dyn Fn(&Points, usize, u64) -> Result<Shape, Unfit>,
) -> Result<Vec<Candidate>, Unfit> {
    let distances = Distances::new(sample, threads);
    let steps = (range.end() - range.start() + 1) * (BOOTSTRAPS + 1);
    let mut done = 0;
    let mut step = |points: &Points, k: usize, seed: u64| {
        progress.note(ClusteringPhase::Choosing, done, steps)?;
        done += 1;
        progress.within(|| fit(points, k, seed))
    };
    let mut candidates = Vec::new();
    for k in range {
        let shape = step(points, k, seed)?;
        let labels = shape.assign(sample, threads);
        let mut draw = Draw::new(seed, 100 + k as u64);
        let mut again = Vec::new();
        for bootstrap in 0..BOOTSTRAPS {
            let drawn = points.take(&draw.resample(points.len(), points.len().min(BOOTSTRAP_SAMPLE)));
            let shape = step(&drawn, k, seed.wrapping_add(1 + bootstrap as u64))?;
            again.push(shape.assign(sample, threads));
        }
        let centres = shape.centres(sample, &labels);
        candidates.push(Candidate {
            k: k as i32,
            silhouette: distances.silhouette(&labels, k),
            stability: agreement(&again),
            inertia: inertia(sample, &labels, &centres),
        });
    }
    Ok(candidates)
}

/// Of those whose stability is at least 0.8 the one of the greatest silhouette; if none is, the most stable. Of
/// equals the first. `None` of none.
pub fn choose(candidates: &[Candidate]) -> Option<&Candidate> {
    let first_best = |best: Option<&'_ Candidate>, of: fn(&Candidate) -> f64| best.map(of).unwrap_or(f64::NEG_INFINITY);
    let mut stable: Option<&Candidate> = None;
    let mut most_stable: Option<&Candidate> = None;
    for candidate in candidates {
        if candidate.stability >= STABLE && candidate.silhouette > first_best(stable, |best| best.silhouette) {
            stable = Some(candidate);
        }
        if candidate.stability > first_best(most_stable, |best| best.stability) {
            most_stable = Some(candidate);
        }
    }
    stable.or(most_stable)
}

/// The mean adjusted Rand index of every pair of labellings.
fn agreement(labellings: &[Vec<u32>]) -> f64 {
    let pairs = (0..labellings.len()).flat_map(|left| (0..left).map(move |right| (left, right)));
    let (sum, count) = pairs.fold((0.0, 0u32), |(sum, count), (left, right)| {
        (sum + adjusted_rand(&labellings[left], &labellings[right]), count + 1)
    });
    if count == 0 { 1.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::lloyd;

    fn candidate(k: i32, silhouette: f64, stability: f64) -> Candidate {
        Candidate { k, silhouette, stability, inertia: 0.0 }
    }

    #[test]
    fn the_widest_apart_of_the_stable_ones_is_chosen() {
        let k = |candidates: &[Candidate]| choose(candidates).map(|candidate| candidate.k);
        assert_eq!(k(&[candidate(2, 0.3, 0.9), candidate(3, 0.5, 0.85), candidate(4, 0.9, 0.5)]), Some(3));
        assert_eq!(k(&[candidate(2, 0.3, 0.9), candidate(3, 0.3, 1.0)]), Some(2));
        assert_eq!(k(&[candidate(2, 0.9, 0.4), candidate(3, 0.1, 0.5)]), Some(3));
        assert_eq!(k(&[]), None);
    }

    #[test]
    fn the_number_of_groups_that_there_are_is_found() {
        let mut draw = Draw::new(1, 0);
        let values = (0..900).flat_map(|at| [draw.unit() + f64::from(at % 3) * 5.0, draw.unit()]).collect();
        let points = Points { values, width: 2 };
        let progress = Progress::default();
        let fit = |points: &Points, k: usize, seed: u64| {
            Ok(Shape::Centres(lloyd::find(points, k, seed, 0, 1, &progress)?.centres))
        };
        let found = candidates(&points, &points, 2..=5, 3, 1, &progress, &fit).unwrap();
        let best = choose(&found).unwrap();
        assert_eq!((best.k, found.len()), (3, 4));
        assert!(best.stability > 0.99 && best.silhouette > 0.7, "{found:?}");
        assert!(found.windows(2).all(|pair| pair[1].inertia < pair[0].inertia));
    }
}
