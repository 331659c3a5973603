//! A clustering of a tenant's customers: the points from the columns, the clusters from the points, and what is told
//! and kept of them.

mod before;
mod explain;
pub mod job;
mod matrix;

use huan_chassis::clock::Day;
use huan_chassis::{Error, FieldFault, Result};
use huan_proto::segment::v1::{self as pb, ClusteringMethod, ClusteringMissing, ClusteringPhase};
use roaring::RoaringBitmap;

pub use self::before::Before;
pub use self::matrix::typical;
use self::matrix::{Matrix, Missing};
use crate::cluster::choice::{self, BOOTSTRAPS};
use crate::cluster::density::Density;
use crate::cluster::draw::Draw;
use crate::cluster::mixture::Mixture;
use crate::cluster::model::Shape;
use crate::cluster::prepare::{self, Learnt};
use crate::cluster::progress::Progress;
use crate::cluster::{NONE, Points, Unfit, lloyd, sizes_of};
use crate::columns::Snapshot;
use crate::store::build::Found;

/// Customers of the silhouette and the stability.
const SILHOUETTE_SAMPLE: usize = 2_000;

/// Customers that a mixture is fitted on, unless it is said.
const MIXTURE_SAMPLE: usize = 20_000;

/// The most customers that DBSCAN is fitted on.
pub const DENSITY_SAMPLE: usize = 4_000;

/// Customers that k is chosen on.
const CHOICE_SAMPLE: usize = 20_000;

/// What is looked at.
pub struct Work {
    /// All customers.
    pub rows: Snapshot,
    /// The columns of the features.
    pub slots: Vec<usize>,
    /// The business day.
    pub today: Day,
    /// Business time, in microseconds since the epoch.
    pub as_of: i64,
    /// Threads to work on.
    pub threads: usize,
    /// The fit before, if there is one.
    pub before: Option<Before>,
}

/// Refuses what cannot be found over the customers of now. Errors: Invalid (a feature that nobody has, more clusters
/// than customers).
pub fn check(asked: &pb::Clustering, work: &Work) -> Result<()> {
    let faults = faults(asked, &matrix::missing(&work.rows, work.today, &work.slots), fills(asked));
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}

/// Finds what is asked for. The same seed over the same customers finds the same. Errors: Stopped; why it cannot be
/// found.
pub fn find_clustering(
    asked: pb::Clustering,
    work: &Work,
    progress: &Progress,
) -> Result<(pb::Clustering, Found), Unfit> {
    progress.note(ClusteringPhase::Preparing, 0, 2)?;
    let Matrix { ordinals, mut points, missing } = matrix::read(work, fills(&asked));
    if let Some(fault) = faults(&asked, &missing, fills(&asked)).first() {
        return Err(Unfit::Because(format!("{} {}", fault.field, fault.description)));
    }
    progress.note(ClusteringPhase::Preparing, 1, 2)?;
    let preparation = asked.preparation.clone().unwrap_or_default();
    let logs: Vec<bool> = asked.features.iter().map(|name| preparation.log_features.contains(name)).collect();
    let learnt = prepare::learn(&mut points, &preparation, &logs, &missing.of_feature);
    let mut found = fit(asked, &points, work, progress)?;
    let members = before::order(&mut found, &ordinals, work.before.as_ref(), points.width);
    progress.note(ClusteringPhase::Explaining, 0, 3)?;
    let learnt = explain::of_points(&mut found, &points, learnt, work.threads);
    drop(points);
    progress.note(ClusteringPhase::Explaining, 1, 3)?;
    explain::of_rules(&mut found, work, &learnt);
    progress.note(ClusteringPhase::Explaining, 2, 3)?;
    before::name(&mut found.clustering, work.before.as_ref());
    Ok(kept(found, ordinals.len() as i64, work.as_of, members))
}

/// A fit under way.
struct Fit {
    clustering: pb::Clustering,
    samples: pb::ClusteringSamples,
    shape: Shape,
    labels: Vec<u32>,
    k: usize,
}

fn fills(asked: &pb::Clustering) -> bool {
    asked.preparation.as_ref().is_some_and(|how| how.missing() == ClusteringMissing::Median)
}

fn faults(asked: &pb::Clustering, missing: &Missing, fills: bool) -> Vec<FieldFault> {
    let fault = |field: String, description: String| FieldFault { field, description };
    let empty = |count: &i64| missing.all == 0 || *count == missing.all;
    let nobody = missing.of_feature.iter().enumerate().filter(|(_, count)| empty(count));
    let mut faults: Vec<FieldFault> = nobody
        .map(|(at, _)| fault(format!("clustering.features[{at}]"), "is missing of every customer".into()))
        .collect();
    let rows = if fills { missing.all } else { missing.whole };
    let (field, k) = match &asked.choice {
        Some(choice) => ("clustering.choice.most_k", choice.most_k),
        None if asked.method() == ClusteringMethod::Dbscan => ("clustering.features", 2),
        None => ("clustering.k", asked.k),
    };
    if faults.is_empty() && rows < i64::from(k) {
        let description = format!("is too much for the {rows} customers who have all of the features");
        faults.push(fault(field.to_owned(), description));
    }
    faults
}

fn fit(mut clustering: pb::Clustering, points: &Points, work: &Work, progress: &Progress) -> Result<Fit, Unfit> {
    let mut samples = pb::ClusteringSamples::default();
    if let Some(asked) = clustering.choice.as_ref().map(|choice| (choice.least_k, choice.most_k)) {
        let chosen = choose(&clustering, asked, points, work, progress)?;
        samples.bootstraps = BOOTSTRAPS as i64;
        clustering.k = choice::choose(&chosen).map_or(asked.0, |best| best.k);
        clustering.choice.get_or_insert_default().candidates = chosen;
    }
    progress.note(ClusteringPhase::Fitting, 0, 1)?;
    let sample = fit_sample(&clustering, points.len());
    samples.fit = if sample == 0 { points.len() } else { sample.min(points.len()) } as i64;
    let shape = match clustering.method() {
        // Centres take one more step over all customers than those of a sample do.
        ClusteringMethod::Unspecified | ClusteringMethod::KMeans => {
            let k = clustering.k.unsigned_abs() as usize;
            Shape::Centres(lloyd::find(points, k, clustering.seed, sample, work.threads, progress)?.centres)
        }
        _ => {
            let sampled = points.take(&Draw::new(clustering.seed, 2).sample(points.len(), sample));
            find_shape(&mut clustering, &sampled, work, progress)?
        }
    };
    let (labels, k) = (shape.assign(points, work.threads), shape.k(points.width));
    if clustering.method() == ClusteringMethod::Dbscan {
        clustering.k = k as i32;
    }
    Ok(Fit { clustering, samples, shape, labels, k })
}

fn choose(
    asked: &pb::Clustering,
    (least, most): (i32, i32),
    points: &Points,
    work: &Work,
    progress: &Progress,
) -> Result<Vec<pb::ClusteringCandidate>, Unfit> {
    let mut draw = Draw::new(asked.seed, 3);
    let part = points.take(&draw.sample(points.len(), CHOICE_SAMPLE));
    let judged = part.take(&draw.sample(part.len(), SILHOUETTE_SAMPLE));
    let fit = |points: &Points, k: usize, seed: u64| {
        let mut asked = pb::Clustering { k: k as i32, seed, ..asked.clone() };
        find_shape(&mut asked, points, work, progress)
    };
    let range = least.unsigned_abs() as usize..=most.unsigned_abs() as usize;
    choice::candidates(&part, &judged, range, asked.seed, work.threads, progress, &fit)
}

/// Finds clusters of the points, all of them.
fn find_shape(asked: &mut pb::Clustering, points: &Points, work: &Work, progress: &Progress) -> Result<Shape, Unfit> {
    let (k, threads) = (asked.k.unsigned_abs() as usize, work.threads);
    match asked.method() {
        ClusteringMethod::Unspecified | ClusteringMethod::KMeans => {
            Ok(Shape::Centres(lloyd::find(points, k, asked.seed, 0, threads, progress)?.centres))
        }
        ClusteringMethod::GaussianMixture => {
            let start = lloyd::find(points, k, asked.seed, 0, threads, progress)?;
            let mixture = Mixture::fit(points, &start.labels, k, threads, progress)?;
            let why = "a component of the mixture was left without customers: ask for fewer clusters, or for k-means";
            mixture.map(Shape::Mixture).ok_or_else(|| Unfit::Because(why.into()))
        }
        ClusteringMethod::Dbscan => {
            let density = asked.density.get_or_insert_default();
            if density.min_points == 0 {
                density.min_points = (2 * points.width as i32).max(4);
            }
            let found = Density::find(points, density.epsilon, density.min_points.unsigned_abs() as usize);
            density.epsilon = found.epsilon;
            let why = "no group of customers is dense enough: raise epsilon or lower min_points";
            if found.k == 0 { Err(Unfit::Because(why.into())) } else { Ok(Shape::Density(found)) }
        }
    }
}

/// How many customers it is fitted on; 0 = all.
fn fit_sample(asked: &pb::Clustering, rows: usize) -> usize {
    let size = asked.fit_sample.unsigned_abs() as usize;
    match asked.method() {
        ClusteringMethod::GaussianMixture if size == 0 => MIXTURE_SAMPLE.min(rows),
        ClusteringMethod::Dbscan if size == 0 => DENSITY_SAMPLE.min(rows),
        _ => size,
    }
}

fn kept(found: Fit, population: i64, as_of: i64, members: Vec<RoaringBitmap>) -> (pb::Clustering, Found) {
    let Fit { mut clustering, samples, .. } = found;
    clustering.population = population;
    clustering.samples = Some(samples);
    clustering.noise = found.labels.iter().filter(|label| **label == NONE).count() as i64;
    let name = |cluster: &pb::Cluster| format!("{}/{}", clustering.clustering_id, cluster.number);
    let memberships = clustering.clusters.iter().map(name).zip(members).collect();
    (clustering, Found { population, as_of, memberships })
}

/// The sizes of the clusters of a fit.
fn sizes(found: &Fit) -> Vec<u64> {
    sizes_of(&found.labels, found.k)
}

/// What was learnt of the features and is not in the clustering.
type Prepared = Learnt;
