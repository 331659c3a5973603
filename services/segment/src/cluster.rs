//! K-means over scaled features: from a matrix to clusters, and from a row to its cluster. Whose rows they are, and
//! where clusters are kept, is not known here.

use huan_proto::segment::v1 as pb;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_clustering::KMeans;
use ndarray::{Array2, ArrayView1, Axis};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;

/// Starts tried; the best one counts.
const STARTS: usize = 4;

/// Steps of Lloyd's algorithm after linfa's, whose centres are means of the rows and the centre before.
const STEPS: usize = 100;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// How to scale a row and which centre is nearest to it.
    pub model: Model,
    /// The cluster of each row.
    pub assignment: Vec<usize>,
    /// How many rows each cluster has.
    pub sizes: Vec<u64>,
    /// Mean squared distance of the rows to their centres, in scaled units.
    pub inertia: f64,
}

/// What is needed to tell a row's cluster: largest cluster first.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Mean of each feature.
    pub means: Vec<f64>,
    /// Population standard deviation of each feature.
    pub deviations: Vec<f64>,
    /// The centres in scaled units: the means of the rows assigned to them.
    pub centres: Vec<Vec<f64>>,
}

/// Finds `k` clusters of the rows of a matrix with at least `k` rows. The same seed finds the same clusters.
pub fn find_clusters(mut rows: Array2<f64>, k: usize, seed: u64) -> Result<Clusters, linfa_clustering::KMeansError> {
    let (means, deviations) = standardise(&mut rows);
    let dataset = DatasetBase::from(rows);
    let rng = Xoshiro256Plus::seed_from_u64(seed);
    let found = KMeans::params_with_rng(k, rng).n_runs(STARTS).fit(&dataset)?;
    let mut centres: Vec<Vec<f64>> = found.centroids().rows().into_iter().map(|row| row.to_vec()).collect();
    let rows = dataset.records;
    let mut assignment = assign(&rows, &centres);
    for _ in 0..STEPS {
        recentre(&rows, &assignment, &mut centres);
        let next = assign(&rows, &centres);
        if next == assignment {
            break;
        }
        assignment = next;
    }
    Ok(largest_first(&rows, &assignment, centres, means, deviations))
}

impl Model {
    /// The model in what was kept of a clustering.
    pub fn of(clustering: &pb::Clustering) -> Self {
        Self {
            means: clustering.means.clone(),
            deviations: clustering.standard_deviations.clone(),
            centres: clustering.clusters.iter().map(|cluster| cluster.standardised_means.clone()).collect(),
        }
    }

    /// The cluster of a row; `None` if a value is missing (NaN).
    pub fn cluster(&self, values: impl Iterator<Item = f64>) -> Option<usize> {
        let figures = self.means.iter().zip(&self.deviations);
        let scaled: Vec<f64> = values.zip(figures).map(|(value, (mean, sd))| scale(value, *mean, *sd)).collect();
        if scaled.iter().any(|value| value.is_nan()) {
            return None;
        }
        nearest(&scaled, &self.centres).map(|(number, _)| number)
    }
}

/// Scales every column to mean 0 and deviation 1; a constant column becomes 0.
fn standardise(rows: &mut Array2<f64>) -> (Vec<f64>, Vec<f64>) {
    let count = rows.nrows() as f64;
    let mut figures = (Vec::new(), Vec::new());
    for mut column in rows.axis_iter_mut(Axis(1)) {
        let mean = column.sum() / count;
        let deviation = (column.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        column.mapv_inplace(|value| scale(value, mean, deviation));
        figures.0.push(mean);
        figures.1.push(deviation);
    }
    figures
}

fn scale(value: f64, mean: f64, deviation: f64) -> f64 {
    if value.is_nan() || deviation > 0.0 { (value - mean) / deviation } else { 0.0 }
}

fn assign(rows: &Array2<f64>, centres: &[Vec<f64>]) -> Vec<usize> {
    let of = |row: ArrayView1<'_, f64>| match row.as_slice() {
        Some(row) => nearest(row, centres),
        None => nearest(&row.to_vec(), centres),
    };
    rows.rows().into_iter().map(|row| of(row).map_or(0, |(number, _)| number)).collect()
}

/// The nearest centre and the squared distance to it; of two as near, the one before.
fn nearest(row: &[f64], centres: &[Vec<f64>]) -> Option<(usize, f64)> {
    let distances = centres.iter().map(|centre| squared_distance(row, centre)).enumerate();
    distances.min_by(|left, right| left.1.total_cmp(&right.1))
}

fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right) * (left - right)).sum()
}

/// Moves each centre to the mean of its rows; one without rows stays.
fn recentre(rows: &Array2<f64>, assignment: &[usize], centres: &mut [Vec<f64>]) {
    let mut sums = vec![vec![0.0; rows.ncols()]; centres.len()];
    let mut sizes = vec![0u64; centres.len()];
    for (row, cluster) in rows.rows().into_iter().zip(assignment) {
        sizes[*cluster] += 1;
        sums[*cluster].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for ((centre, sum), size) in centres.iter_mut().zip(sums).zip(sizes).filter(|(_, size)| *size > 0) {
        *centre = sum.into_iter().map(|sum| sum / size as f64).collect();
    }
}

fn largest_first(
    rows: &Array2<f64>,
    assignment: &[usize],
    centres: Vec<Vec<f64>>,
    means: Vec<f64>,
    deviations: Vec<f64>,
) -> Clusters {
    let mut sizes = vec![0u64; centres.len()];
    assignment.iter().for_each(|cluster| sizes[*cluster] += 1);
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|left, right| sizes[*right].cmp(&sizes[*left]));
    let mut number = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| number[*old] = new);
    let distance = |(row, cluster): (ArrayView1<'_, f64>, &usize)| squared_distance(&row.to_vec(), &centres[*cluster]);
    let inertia = rows.rows().into_iter().zip(assignment).map(distance).sum::<f64>() / rows.nrows() as f64;
    Clusters {
        assignment: assignment.iter().map(|old| number[*old]).collect(),
        sizes: order.iter().map(|old| sizes[*old]).collect(),
        model: Model { means, deviations, centres: order.iter().map(|old| centres[*old].clone()).collect() },
        inertia,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups of 30, 20 and 10 on a line, and a constant.
    fn groups() -> Array2<f64> {
        let spread = |centre: f64, count: u32| (0..count).map(move |i| centre + f64::from(i % 5) * 0.01);
        let values: Vec<f64> = spread(10.0, 20).chain(spread(0.0, 30)).chain(spread(50.0, 10)).collect();
        Array2::from_shape_fn((values.len(), 2), |(row, column)| if column == 0 { values[row] } else { 7.0 })
    }

    #[test]
    fn groups_are_found_largest_first() {
        let found = find_clusters(groups(), 3, 1).unwrap();
        assert_eq!(found.sizes, [30, 20, 10]);
        assert_eq!((found.assignment[0], found.assignment[20], found.assignment[59]), (1, 0, 2));
        assert_eq!(found.model.deviations[1], 0.0);
        assert!(found.model.centres.iter().all(|centre| centre[1] == 0.0));
        assert!(found.inertia < 1e-6);
    }

    #[test]
    fn the_same_seed_finds_the_same_clusters() {
        assert_eq!(find_clusters(groups(), 4, 9).unwrap(), find_clusters(groups(), 4, 9).unwrap());
    }

    #[test]
    fn centres_are_the_means_of_their_rows_and_rows_are_nearest_to_theirs() {
        let found = find_clusters(groups(), 5, 3).unwrap();
        let mut scaled = groups();
        standardise(&mut scaled);
        let mut centres = found.model.centres.clone();
        recentre(&scaled, &found.assignment, &mut centres);
        for (centre, expected) in centres.iter().flatten().zip(found.model.centres.iter().flatten()) {
            assert!((centre - expected).abs() < 1e-12);
        }
        for (row, cluster) in groups().rows().into_iter().zip(&found.assignment) {
            assert_eq!(found.model.cluster(row.iter().copied()), Some(*cluster));
        }
        assert_eq!(found.model.cluster([1.0, f64::NAN].into_iter()), None);
    }

    #[test]
    fn rows_that_are_all_alike_are_one_cluster() {
        let found = find_clusters(Array2::from_elem((5, 2), 3.0), 2, 0).unwrap();
        assert_eq!(found.sizes, [5, 0]);
    }
}
