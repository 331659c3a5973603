//! The silhouette: how much nearer points are to their own cluster than to the next one.

use super::{NONE, Points, lloyd, squared_distance};

/// The Euclidean distances between all points of a small sample.
pub struct Distances {
    values: Vec<f64>,
    count: usize,
}

impl Distances {
    /// Measures every pair once, on some threads.
    pub fn new(points: &Points, threads: usize) -> Self {
        let count = points.len();
        let mut values = vec![0.0; count * count];
        lloyd::each(values.chunks_mut(count.max(1)).enumerate(), threads, |(at, distances)| {
            let row = points.row(at);
            distances.iter_mut().zip(points.rows()).for_each(|(to, other)| *to = squared_distance(row, other).sqrt());
        });
        Self { values, count }
    }

    /// The mean silhouette (Rousseeuw 1987) of those points that are in a cluster. A point alone in its cluster counts
    /// 0. 0 if there are fewer than two clusters.
    pub fn silhouette(&self, labels: &[u32], k: usize) -> f64 {
        let sizes = super::sizes_of(labels, k);
        if sizes.iter().filter(|size| **size > 0).count() < 2 {
            return 0.0;
        }
        let clustered = (0..self.count).filter(|at| labels[*at] != NONE);
        let (mut sum, mut count) = (0.0, 0u64);
        for at in clustered {
            sum += self.of_point(at, labels, &sizes);
            count += 1;
        }
        sum / count as f64
    }

    fn of_point(&self, at: usize, labels: &[u32], sizes: &[u64]) -> f64 {
        let own = labels[at] as usize;
        if sizes[own] == 1 {
            return 0.0;
        }
        let mut sums = vec![0.0; sizes.len()];
        let row = &self.values[at * self.count..(at + 1) * self.count];
        for (distance, label) in row.iter().zip(labels).filter(|(_, label)| **label != NONE) {
            sums[*label as usize] += distance;
        }
        let within = sums[own] / (sizes[own] - 1) as f64;
        let others = sums.iter().zip(sizes).enumerate().filter(|(place, (_, size))| *place != own && **size > 0);
        let next = others.map(|(_, (sum, size))| sum / *size as f64).fold(f64::INFINITY, f64::min);
        let widest = within.max(next);
        if widest > 0.0 { (next - within) / widest } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_far_apart_come_near_to_one_and_mixed_ones_below_zero() {
        let points = Points { values: vec![0.0, 0.1, 10.0, 10.1, 50.0], width: 1 };
        let distances = Distances::new(&points, 2);
        assert!(distances.silhouette(&[0, 0, 1, 1, NONE], 2) > 0.98);
        assert!(distances.silhouette(&[0, 1, 0, 1, NONE], 2) < 0.0);
        assert_eq!(distances.silhouette(&[0, 0, 0, 0, 0], 2), 0.0);
    }
}
