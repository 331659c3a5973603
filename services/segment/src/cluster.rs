//! Clusters of points: how they are found, judged, explained and drawn, and how a single row is assigned later. Whose
//! rows they are, and where clusterings are kept, is not known here.

pub mod adjusted_rand;
pub mod choice;
pub mod density;
pub mod distil;
pub mod draw;
pub mod eigen;
pub mod lloyd;
pub mod matching;
pub mod mixture;
pub mod model;
pub mod name;
pub mod picture;
pub mod prepare;
pub mod progress;
pub mod projection;
pub mod silhouette;
#[cfg(test)]
mod tests;
pub mod tree;

use multiversion::multiversion;

pub use self::model::Model;
use self::progress::Stopped;

/// The label of a point that is in no cluster.
pub const NONE: u32 = u32::MAX;

/// Why nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It was told to stop.
    Stopped,
    /// What does not fit, and what would.
    Because(String),
}

impl From<Stopped> for Unfit {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Points of `width` coordinates, one after the other. No coordinate is NaN unless it is said.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// The coordinates, row by row.
    pub values: Vec<f64>,
    /// Coordinates of a point, at least 1.
    pub width: usize,
}

impl Points {
    /// How many points.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A point.
    pub fn row(&self, at: usize) -> &[f64] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// All points.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width)
    }

    /// These points, in this order; one may be named twice.
    pub fn take(&self, of: &[usize]) -> Points {
        let values = of.iter().flat_map(|at| self.row(*at)).copied().collect();
        Points { values, width: self.width }
    }

    /// The points as ndarray has them.
    pub fn to_array(&self) -> ndarray::Array2<f64> {
        let shape = (self.len(), self.width);
        ndarray::Array2::from_shape_vec(shape, self.values.clone()).expect("rows are whole")
    }
}

/// The squared Euclidean distance, coordinate by coordinate from the first: so [`lloyd`] reckons too, to the last bit.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).fold(0.0, |sum, (left, right)| (left - right).mul_add(left - right, sum))
}

/// The mean of each coordinate over the points of each of `k` clusters; 0 for one without points.
pub fn means_of(points: &Points, labels: &[u32], k: usize) -> Vec<f64> {
    let (mut sums, mut sizes) = (vec![0.0; k * points.width], vec![0u64; k]);
    for (row, label) in points.rows().zip(labels).filter(|(_, label)| **label != NONE) {
        let place = *label as usize;
        sizes[place] += 1;
        sums[place * points.width..].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for (sums, size) in sums.chunks_exact_mut(points.width).zip(sizes).filter(|(_, size)| *size > 0) {
        sums.iter_mut().for_each(|sum| *sum /= size as f64);
    }
    sums
}

/// How many points each of `k` clusters has.
pub fn sizes_of(labels: &[u32], k: usize) -> Vec<u64> {
    let mut sizes = vec![0u64; k];
    labels.iter().filter(|label| **label != NONE).for_each(|label| sizes[*label as usize] += 1);
    sizes
}

/// The mean squared distance of the points in a cluster to its centre; 0 without any.
pub fn inertia(points: &Points, labels: &[u32], centres: &[f64]) -> f64 {
    let clustered = points.rows().zip(labels).filter(|(_, label)| **label != NONE);
    let (sum, count) = clustered.fold((0.0, 0u64), |(sum, count), (row, label)| {
        let at = *label as usize * points.width;
        (sum + squared_distance(row, &centres[at..at + points.width]), count + 1)
    });
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// The mean squared distance of points to the nearest of some centres.
pub fn inertia_of_nearest(points: &Points, centres: &[f64], threads: usize) -> f64 {
    let distances = lloyd::nearest(points, centres, threads).1;
    distances.iter().sum::<f64>() / distances.len().max(1) as f64
}
