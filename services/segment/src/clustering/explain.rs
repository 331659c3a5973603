//! What is told of clusters: figures, the plane of the picture, rules and draft names.

use huan_proto::segment::v1 as pb;

use super::{Fit, Prepared, SILHOUETTE_SAMPLE, Work, fills, matrix};
use crate::cluster::distil::{Named, distil};
use crate::cluster::draw::Draw;
use crate::cluster::name::draft_names;
use crate::cluster::prepare::filled;
use crate::cluster::projection::Components;
use crate::cluster::silhouette::Distances;
use crate::cluster::{NONE, Points, inertia, means_of, model};

/// Customers that the tree learns from.
const TREE_SAMPLE: usize = 20_000;

/// Customers on the picture.
const PICTURE_SAMPLE: usize = 1_500;

/// Levels of the tree, unless it is said.
const TREE_DEPTH: i32 = 4;

/// Tells what can be told of scaled points: figures, the model, the projection. Answers with what was learnt.
pub fn of_points(found: &mut Fit, points: &Points, learnt: Prepared, threads: usize) -> Prepared {
    let mut draw = Draw::new(found.clustering.seed, 4);
    let sample = draw.sample(points.len(), SILHOUETTE_SAMPLE);
    let labels: Vec<u32> = sample.iter().map(|at| found.labels[*at]).collect();
    let centres = found.shape.centres(points, &found.labels);
    let to = &mut found.clustering;
    to.silhouette = Distances::new(&points.take(&sample), threads).silhouette(&labels, found.k);
    found.samples.silhouette = sample.len() as i64;
    to.inertia = inertia(points, &found.labels, &centres);
    to.projection = Some(projection(points, &found.labels, &centres, &to.clusters, &mut draw));
    let means = means_of(points, &found.labels, found.k);
    for (cluster, means) in to.clusters.iter_mut().zip(means.chunks_exact(points.width)) {
        cluster.standardised_means = standardised(means, &learnt);
    }
    (to.means, to.standard_deviations) = (learnt.means.clone(), learnt.deviations.clone());
    to.prepared.clone_from(&learnt.prepared);
    to.model = Some(model::kept(&found.shape, centres));
    learnt
}

/// Tells what can be told of raw features: means, rules and names.
pub fn of_rules(found: &mut Fit, work: &Work, learnt: &Prepared) {
    let mut raw = matrix::read(work, fills(&found.clustering)).points;
    let means = raw_means(&raw, &found.labels, found.k);
    for row in raw.values.chunks_exact_mut(learnt.prepared.len()) {
        row.iter_mut().zip(&learnt.prepared).for_each(|(value, how)| *value = filled(how, *value));
    }
    let to = &mut found.clustering;
    let features: Vec<Named> = to
        .features
        .iter()
        .zip(&learnt.prepared)
        .map(|(name, how)| Named { name: name.clone(), fill: how.fill })
        .collect();
    let sample = Draw::new(to.seed, 5).sample(raw.len(), TREE_SAMPLE);
    let depth = if to.tree_depth == 0 { TREE_DEPTH } else { to.tree_depth };
    let distilled = distil(&raw, &found.labels, found.k, &features, &sample, depth.unsigned_abs() as usize);
    (found.samples.tree, found.samples.tree_depth) = (sample.len() as i64, distilled.tree.depth() as i32);
    let largest = to.clusters.iter().map(|cluster| cluster.size).max().unwrap_or_default();
    let largest_share = largest as f64 / raw.len().max(1) as f64;
    to.fidelity = Some(pb::ClusteringFidelity { accuracy: distilled.accuracy, largest_share });
    let standardised: Vec<Vec<f64>> = to.clusters.iter().map(|cluster| cluster.standardised_means.clone()).collect();
    let names = draft_names(&to.features, &standardised);
    for (at, cluster) in to.clusters.iter_mut().enumerate() {
        cluster.rule.clone_from(&distilled.rules[at]);
        (cluster.precision, cluster.recall) = (distilled.precisions[at], distilled.recalls[at]);
        (cluster.name, cluster.means) = (names[at].clone(), means[at].clone());
    }
}

/// A row of scaled values in standard deviations from the mean of all.
fn standardised(scaled: &[f64], learnt: &Prepared) -> Vec<f64> {
    let figures = learnt.means.iter().zip(&learnt.deviations);
    let of = |((scaled, how), (mean, deviation)): ((&f64, &pb::FeaturePreparation), (&f64, &f64))| {
        if *deviation > 0.0 { (scaled * how.spread + how.centre - mean) / deviation } else { 0.0 }
    };
    scaled.iter().zip(&learnt.prepared).zip(figures).map(of).collect()
}

/// The mean of each feature over a cluster's rows that have it; 0 if none has.
fn raw_means(raw: &Points, labels: &[u32], k: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![(0.0, 0u64); raw.width]; k];
    for (row, label) in raw.rows().zip(labels).filter(|(_, label)| **label != NONE) {
        for ((sum, count), value) in sums[*label as usize].iter_mut().zip(row).filter(|(_, value)| !value.is_nan()) {
            (*sum, *count) = (*sum + value, *count + 1);
        }
    }
    let mean = |(sum, count): (f64, u64)| if count == 0 { 0.0 } else { sum / count as f64 };
    sums.into_iter().map(|sums| sums.into_iter().map(mean).collect()).collect()
}

fn projection(
    points: &Points,
    labels: &[u32],
    centres: &[f64],
    clusters: &[pb::Cluster],
    draw: &mut Draw,
) -> pb::ClusteringProjection {
    let components = Components::new(points);
    let sample = draw.sample(points.len(), PICTURE_SAMPLE);
    let along = |axis: usize| sample.iter().map(|at| components.along(axis, points.row(*at)) as f32).collect();
    let of_centres =
        |axis: usize| centres.chunks_exact(points.width).map(|centre| components.along(axis, centre) as f32).collect();
    let number = |at: &usize| clusters.get(labels[*at] as usize).map_or(-1, |cluster| cluster.number);
    let axis = |axis: usize| components.axes.get(axis).cloned().unwrap_or_default();
    pb::ClusteringProjection {
        explained: vec![components.explained(0), components.explained(1)],
        first_axis: axis(0),
        second_axis: axis(1),
        xs: along(0),
        ys: along(1),
        numbers: sample.iter().map(number).collect(),
        centre_xs: of_centres(0),
        centre_ys: of_centres(1),
    }
}
