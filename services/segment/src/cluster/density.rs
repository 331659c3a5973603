//! DBSCAN (Ester, Kriegel, Sander and Xu 1996) on a sample, by linfa: groups are where points lie dense, and all other
//! points are noise. Whoever was not in the sample goes with the nearest core point, if that is near enough.

use linfa::traits::Transformer as _;
use linfa_clustering::Dbscan;

use super::{NONE, Points, lloyd, sizes_of, squared_distance};

/// The most clusters kept.
pub const MOST: usize = 64;

/// Core points and their clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// Reach of a neighbourhood.
    pub epsilon: f64,
    /// The core points, row by row.
    pub cores: Vec<f64>,
    /// The cluster of each, largest first.
    pub clusters: Vec<u32>,
    /// How many clusters there are.
    pub k: usize,
}

impl Density {
    /// Finds the dense groups of a sample, at most 64. `epsilon` 0 = where nine in ten points have `min_points`
    /// neighbours.
    pub fn find(sample: &Points, epsilon: f64, min_points: usize) -> Self {
        let neighbours = neighbours(sample, min_points);
        let epsilon = if epsilon > 0.0 { epsilon } else { usual(&neighbours) };
        // A hair wider: a distance that is epsilon itself is within it, whoever reckons.
        let reach = epsilon * (1.0 + 1e-9);
        let found = Dbscan::params(min_points).tolerance(reach).transform(&sample.to_array());
        let found = found.map(|labels| labels.to_vec()).unwrap_or_default();
        let labels: Vec<u32> = found.iter().map(|label| label.map_or(NONE, |label| label as u32)).collect();
        let most = labels.iter().filter(|label| **label != NONE).max().map_or(0, |last| *last as usize + 1);
        let place = largest_first(&sizes_of(&labels, most));
        let mut density = Self { epsilon, cores: Vec::new(), clusters: Vec::new(), k: most.min(MOST) };
        for (at, label) in labels.iter().enumerate().filter(|(_, label)| **label != NONE) {
            if place[*label as usize] < MOST && neighbours[at] <= reach {
                density.cores.extend_from_slice(sample.row(at));
                density.clusters.push(place[*label as usize] as u32);
            }
        }
        density
    }

    /// The cluster of the nearest core point, if it is within reach.
    pub fn place(&self, row: &[f64]) -> Option<usize> {
        let reach = (self.epsilon * (1.0 + 1e-9)).powi(2);
        let distances = self.cores.chunks_exact(row.len()).map(|core| squared_distance(row, core));
        let (at, distance) = distances.enumerate().min_by(|left, right| left.1.total_cmp(&right.1))?;
        (distance <= reach).then(|| self.clusters[at] as usize)
    }

    /// The same for many.
    pub fn assign(&self, points: &Points, threads: usize) -> Vec<u32> {
        if self.cores.is_empty() {
            return vec![NONE; points.len()];
        }
        let reach = (self.epsilon * (1.0 + 1e-9)).powi(2);
        let (nearest, distances) = lloyd::nearest(points, &self.cores, threads);
        let label = |(core, distance)| if distance <= reach { self.clusters[core as usize] } else { NONE };
        nearest.into_iter().zip(distances).map(label).collect()
    }
}

/// The distance of each point within which it has so many neighbours, itself among them.
fn neighbours(sample: &Points, min_points: usize) -> Vec<f64> {
    let at = min_points.min(sample.len()).saturating_sub(1);
    let reach = |row| {
        let mut distances: Vec<f64> = sample.rows().map(|other| squared_distance(row, other)).collect();
        distances.select_nth_unstable_by(at, f64::total_cmp).1.sqrt()
    };
    let reaches = sample.rows().map(reach);
    if min_points > sample.len() { reaches.map(|_| f64::INFINITY).collect() } else { reaches.collect() }
}

fn usual(neighbours: &[f64]) -> f64 {
    let mut ascending = neighbours.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let usual = super::prepare::quantile(&ascending, 0.9);
    if usual > 0.0 && usual.is_finite() { usual } else { f64::MIN_POSITIVE.sqrt() }
}

/// The place of each, the largest having 0.
fn largest_first(sizes: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|left, right| sizes[*right].cmp(&sizes[*left]));
    let mut places = vec![0; sizes.len()];
    order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_groups_are_found_largest_first_and_the_rest_is_noise() {
        let mut values: Vec<f64> = (0..20).map(|at| f64::from(at) * 0.1).collect();
        values.extend((0..30).map(|at| 100.0 + f64::from(at) * 0.1));
        values.push(50.0);
        let sample = Points { values, width: 1 };
        let density = Density::find(&sample, 0.25, 4);
        assert_eq!((density.k, density.place(&[101.0]), density.place(&[0.5])), (2, Some(0), Some(1)));
        assert_eq!((density.place(&[50.0]), density.place(&[103.0])), (None, Some(0)));
        let places = sample.rows().map(|row| density.place(row).map_or(NONE, |place| place as u32));
        assert_eq!(density.assign(&sample, 2), places.collect::<Vec<_>>());
    }

    #[test]
    fn epsilon_is_chosen_from_the_distances() {
        let sample = Points { values: (0..101).map(f64::from).collect(), width: 1 };
        let density = Density::find(&sample, 0.0, 3);
        assert_eq!((density.epsilon, density.k, density.cores.len()), (1.0, 1, 99));
    }

    #[test]
    fn nothing_dense_is_no_cluster() {
        let sample = Points { values: vec![0.0, 10.0, 20.0], width: 1 };
        let density = Density::find(&sample, 1.0, 3);
        assert_eq!((density.k, density.assign(&sample, 1)), (0, vec![NONE; 3]));
    }
}
