//! What scikit-learn says of the same points, from a data file.

use huan_proto::segment::v1::{ClusteringPreparation, ClusteringScale};
use serde::Deserialize;

use super::adjusted_rand::adjusted_rand;
use super::mixture::Mixture;
use super::projection::Components;
use super::silhouette::Distances;
use super::{Points, lloyd, prepare};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: usize,
    k: usize,
    points: Vec<f64>,
    start: Vec<f64>,
    labels: Vec<u32>,
    other_labels: Vec<u32>,
    centres: Vec<f64>,
    inertia: f64,
    silhouette: f64,
    adjusted_rand: f64,
    variances: Vec<f64>,
    explained: Vec<f64>,
    axes: Vec<f64>,
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Vec<f64>,
    posteriors: Vec<f64>,
    medians: Vec<f64>,
    quartile_ranges: Vec<f64>,
}

fn each(look: impl Fn(Case, Points)) {
    let cases: Cases = toml::from_str(include_str!("../../tests/data/clusters.toml")).unwrap();
    for mut case in cases.case {
        let points = Points { values: std::mem::take(&mut case.points), width: case.width };
        look(case, points);
    }
}

#[track_caller]
fn near(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{ours} is not {theirs}");
}

#[track_caller]
fn all_near(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).for_each(|(ours, theirs)| near(*ours, *theirs));
}

#[test]
fn lloyds_steps_from_a_start_come_to_scikit_learns_centres_and_inertia() {
    each(|case, points| {
        let found = lloyd::run(&points, case.start.clone(), 7, 2, &mut |_| Ok(())).unwrap();
        assert_eq!(found.labels, case.labels);
        all_near(&found.centres, &case.centres);
        near(found.inertia * points.len() as f64, case.inertia);
    });
}

#[test]
fn silhouettes_are_scikit_learns() {
    each(|case, points| near(Distances::new(&points, 2).silhouette(&case.labels, case.k), case.silhouette));
}

#[test]
fn adjusted_rand_indices_are_scikit_learns() {
    each(|case, _| near(adjusted_rand(&case.labels, &case.other_labels), case.adjusted_rand));
}

#[test]
fn principal_components_are_scikit_learns_but_for_their_direction() {
    each(|case, points| {
        let found = Components::new(&points);
        all_near(&found.variances, &case.variances);
        for (at, theirs) in case.axes.chunks_exact(case.width).enumerate() {
            near(found.explained(at), case.explained[at]);
            let same: f64 = found.axes[at].iter().zip(theirs).map(|(ours, theirs)| ours * theirs).sum();
            near(same.abs(), 1.0);
        }
    });
}

#[test]
fn posteriors_of_a_mixture_are_scikit_learns() {
    each(|case, points| {
        let mixture = Mixture::new(case.weights.clone(), case.means.clone(), case.covariances.clone()).unwrap();
        let ours: Vec<f64> = points.rows().flat_map(|row| mixture.posteriors(row)).collect();
        all_near(&ours, &case.posteriors);
    });
}

#[test]
fn robust_scales_are_scikit_learns() {
    each(|case, mut points| {
        let asked = ClusteringPreparation { scale: ClusteringScale::Robust.into(), ..Default::default() };
        let (logs, missing) = (vec![false; case.width], vec![0; case.width]);
        let learnt = prepare::learn(&mut points, &asked, &logs, &missing);
        let figures = |of: fn(&huan_proto::segment::v1::FeaturePreparation) -> f64| {
            learnt.prepared.iter().map(of).collect::<Vec<_>>()
        };
        all_near(&figures(|how| how.centre), &case.medians);
        all_near(&figures(|how| how.spread), &case.quartile_ranges);
    });
}
