//! What was found, ready to assign: all points of a fit, or a single row later. Both find the same cluster.

use huan_proto::segment::v1 as pb;

use super::density::Density;
use super::mixture::Mixture;
use super::{Points, lloyd, means_of, prepare, squared_distance};

/// How clusters lie in scaled units.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Nearest of these centres, row by row.
    Centres(Vec<f64>),
    /// Most probable of these Gaussians.
    Mixture(Mixture),
    /// Nearest core point within reach.
    Density(Density),
}

impl Shape {
    /// How many clusters of points of this width there are.
    pub fn k(&self, width: usize) -> usize {
        match self {
            Self::Centres(centres) => centres.len() / width,
            Self::Mixture(mixture) => mixture.weights.len(),
            Self::Density(density) => density.k,
        }
    }

    /// The cluster of a scaled row, if it is in one.
    pub fn place(&self, row: &[f64]) -> Option<usize> {
        match self {
            Self::Centres(centres) => {
                let distances = centres.chunks_exact(row.len()).map(|centre| squared_distance(row, centre)).enumerate();
                distances.min_by(|left, right| left.1.total_cmp(&right.1)).map(|(place, _)| place)
            }
            Self::Mixture(mixture) => Some(mixture.place(row)),
            Self::Density(density) => density.place(row),
        }
    }

    /// The clusters of all points, on some threads.
    pub fn assign(&self, points: &Points, threads: usize) -> Vec<u32> {
        match self {
            Self::Centres(centres) => lloyd::nearest(points, centres, threads).0,
            Self::Density(density) => density.assign(points, threads),
            Self::Mixture(mixture) => {
                let mut labels = vec![0; points.len()];
                let rows = points.values.chunks(1024 * points.width).zip(labels.chunks_mut(1024));
                lloyd::each(rows, threads, |(rows, labels)| {
                    let rows = rows.chunks_exact(points.width).zip(labels);
                    rows.for_each(|(row, label)| *label = mixture.place(row) as u32);
                });
                labels
            }
        }
    }

    /// The centres of the clusters: of a mixture its means, of dense groups the means of their points.
    pub fn centres(&self, points: &Points, labels: &[u32]) -> Vec<f64> {
        match self {
            Self::Centres(centres) => centres.clone(),
            Self::Mixture(mixture) => mixture.means.clone(),
            Self::Density(density) => means_of(points, labels, density.k),
        }
    }

    /// The same clusters in another order: the one at `order[0]` first.
    pub fn reordered(self, order: &[usize], width: usize) -> Self {
        let rows = |values: &[f64], size: usize| -> Vec<f64> {
            order.iter().flat_map(|place| &values[place * size..(place + 1) * size]).copied().collect()
        };
        match self {
            Self::Centres(centres) => Self::Centres(rows(&centres, width)),
            Self::Mixture(Mixture { weights, means, covariances, .. }) => {
                let (weights, means) = (rows(&weights, 1), rows(&means, width));
                let mixture = Mixture::new(weights, means, rows(&covariances, width * width));
                Self::Mixture(mixture.expect("it was one in another order"))
            }
            Self::Density(density) => {
                let mut number = vec![0; order.len()];
                order.iter().enumerate().for_each(|(new, old)| number[*old] = new as u32);
                let clusters = density.clusters.iter().map(|old| number[*old as usize]).collect();
                Self::Density(Density { clusters, ..density })
            }
        }
    }
}

/// A kept clustering, ready to assign rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    prepared: Vec<pb::FeaturePreparation>,
    shape: Shape,
    centres: Vec<f64>,
}

impl Model {
    /// The model in what was kept of a clustering; before its first fit it assigns nobody.
    pub fn of(clustering: &pb::Clustering) -> Self {
        let kept = clustering.model.clone().unwrap_or_default();
        let shape = if !kept.weights.is_empty() {
            let mixture = Mixture::new(kept.weights, kept.centres.clone(), kept.covariances);
            mixture.map_or(Shape::Centres(Vec::new()), Shape::Mixture)
        } else if !kept.core_clusters.is_empty() {
            Shape::Density(Density {
                epsilon: clustering.density.unwrap_or_default().epsilon,
                cores: kept.cores,
                clusters: kept.core_clusters.iter().map(|place| place.unsigned_abs()).collect(),
                k: clustering.clusters.len(),
            })
        } else {
            Shape::Centres(kept.centres.clone())
        };
        Self { prepared: clustering.prepared.clone(), shape, centres: kept.centres }
    }

    /// The place of a row's cluster among all; `None` if it is in none, or a value is missing (NaN) and nothing stands in.
    pub fn cluster(&self, values: impl Iterator<Item = f64>) -> Option<usize> {
        self.shape.place(&self.scaled(values)?)
    }

    /// How far a row is from the centre of the cluster at a place; `None` if a value is missing.
    pub fn distance(&self, place: usize, values: impl Iterator<Item = f64>) -> Option<f64> {
        let (row, width) = (self.scaled(values)?, self.prepared.len());
        let centre = self.centres.get(place * width..(place + 1) * width)?;
        Some(squared_distance(&row, centre).sqrt())
    }

    fn scaled(&self, values: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
        let row: Vec<f64> = self.prepared.iter().zip(values).map(|(how, value)| prepare::prepare(how, value)).collect();
        let whole = !row.is_empty() && row.len() == self.prepared.len();
        (whole && row.iter().all(|value| !value.is_nan())).then_some(row)
    }
}

/// What must be kept of a shape, besides the preparation.
pub fn kept(shape: &Shape, centres: Vec<f64>) -> pb::ClusteringModel {
    match shape {
        Shape::Centres(_) => pb::ClusteringModel { centres, ..Default::default() },
        Shape::Mixture(mixture) => pb::ClusteringModel {
            centres,
            weights: mixture.weights.clone(),
            covariances: mixture.covariances.clone(),
            ..Default::default()
        },
        Shape::Density(density) => pb::ClusteringModel {
            centres,
            cores: density.cores.clone(),
            core_clusters: density.clusters.iter().map(|place| *place as i32).collect(),
            ..Default::default()
        },
    }
}
