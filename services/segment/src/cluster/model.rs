//! What was found, ready to assign: all points of a fit, or a single row later. Both find the same cluster.

use std::cmp::Ordering;

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
        Some(squared_distance(&self.scaled(values)?, self.centre(place)?).sqrt())
    }

    /// The centre of the cluster at a place, in scaled units; `None` if there is no such.
    pub fn centre(&self, place: usize) -> Option<&[f64]> {
        let width = self.prepared.len();
        self.centres.get(place * width..(place + 1) * width)
    }

    /// One feature's value in scaled units; NaN if it is missing and nothing stands in.
    pub fn prepare(&self, feature: usize, value: f64) -> f64 {
        self.prepared.get(feature).map_or(f64::NAN, |how| prepare::prepare(how, value))
    }

    /// The raw values of one feature, least and greatest, with which a scaled row that is else as it is would be nearest to
    /// the centre at a place: where the planes that halve the way to the other centres cut the feature's line. Infinite
    /// where no other centre bounds it or winsorising makes all beyond alike. `None` if no value would do, or if it is not
    /// by the nearest centre.
    pub fn range(&self, place: usize, feature: usize, row: &[f64]) -> Option<(f64, f64)> {
        let (Shape::Centres(centres), Some(own)) = (&self.shape, self.centre(place)) else { return None };
        let how = self.prepared.get(feature).filter(|how| how.spread > 0.0)?;
        let (mut least, mut greatest) = (f64::NEG_INFINITY, f64::INFINITY);
        for other in centres.chunks_exact(row.len()).filter(|other| *other != own) {
            let rest =
                squared_distance(row, own) - squared_distance(row, other) - (row[feature] - own[feature]).powi(2)
                    + (row[feature] - other[feature]).powi(2);
            let (apart, sum) = (other[feature] - own[feature], other[feature] + own[feature]);
            let cut = (sum - rest / apart) / 2.0;
            match apart.total_cmp(&0.0) {
                _ if apart == 0.0 && rest > 0.0 => return None,
                _ if apart == 0.0 => {}
                Ordering::Greater => greatest = greatest.min(cut),
                _ => least = least.max(cut),
            }
        }
        let (low, high) = (prepare::prepare(how, f64::MIN), prepare::prepare(how, f64::MAX));
        if least > greatest || least > high || greatest < low {
            return None;
        }
        let raw = |scaled: f64| prepare::raw(how, scaled);
        let least = if least <= low { f64::NEG_INFINITY } else { raw(least) };
        let greatest = if greatest >= high { f64::INFINITY } else { raw(greatest) };
        Some((least, greatest))
    }

    /// A row in scaled units; `None` if a value is missing and nothing stands in.
    pub fn scaled(&self, values: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
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

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const WIDTH: usize = 3;

    fn model(rng: &mut StdRng) -> Model {
        let prepared = |log| pb::FeaturePreparation {
            low: -40.0,
            high: 60.0,
            log,
            centre: if log { 0.5 } else { 10.0 },
            spread: if log { 2.0 } else { 25.0 },
            ..Default::default()
        };
        let centres = (0..4 * WIDTH).map(|_| rng.gen_range(-2.0..2.0)).collect();
        Model::of(&pb::Clustering {
            prepared: vec![prepared(false), prepared(true), prepared(false)],
            model: Some(pb::ClusteringModel { centres, ..Default::default() }),
            ..Default::default()
        })
    }

    #[test]
    fn within_the_range_of_a_feature_a_row_is_in_the_cluster_and_beyond_it_is_not() {
        let mut rng = StdRng::seed_from_u64(9);
        let (mut bounds, mut none) = (0, 0);
        for _ in 0..300 {
            let model = model(&mut rng);
            let raw: Vec<f64> = (0..WIDTH).map(|_| rng.gen_range(-60.0..80.0)).collect();
            let scaled = model.scaled(raw.iter().copied()).unwrap();
            let (place, feature) = (rng.gen_range(0..4), rng.gen_range(0..WIDTH));
            let is_in = |value: f64| {
                let with = raw.iter().enumerate().map(|(at, raw)| if at == feature { value } else { *raw });
                model.cluster(with) == Some(place)
            };
            let Some((least, greatest)) = model.range(place, feature, &scaled) else {
                assert!((-70..90).all(|value| !is_in(f64::from(value))));
                none += 1;
                continue;
            };
            assert!(least <= greatest);
            assert!(is_in((least.max(-100.0) + greatest.min(100.0)) / 2.0));
            for (bound, outward) in
                [(least, -1e-6), (greatest, 1e-6)].into_iter().filter(|(bound, _)| bound.is_finite())
            {
                assert!(!is_in(bound + outward), "{bound} is not the last");
                bounds += 1;
            }
        }
        assert!(bounds > 100 && none > 20, "{bounds} {none}");
    }

    #[test]
    fn what_does_not_assign_by_the_nearest_centre_has_no_range() {
        let density = pb::ClusteringModel { cores: vec![0.0], core_clusters: vec![0], ..Default::default() };
        let model = Model::of(&pb::Clustering { model: Some(density), ..Default::default() });
        assert_eq!(model.range(0, 0, &[0.0]), None);
    }
}
