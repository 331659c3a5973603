//! Metrics and logistic regression beside scikit-learn's, scipy's and scikit-uplift's figures, and training as a whole.

use huan_chassis::clock;
use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, ValueType, value};
use ndarray::Array2;
use serde::Deserialize;

use super::calibration::{calibration, expected_calibration_error};
use super::compare::{self, Held};
use super::drift::psi;
use super::explain::{explain, weights};
use super::learn::{Fault, learn};
use super::logistic::{self, Labelled};
use super::metrics::{auc, brier, lift, log_loss};
use super::prepare::Cell;
use super::rows::Rows;
use super::score::{Fitted, NoScore};
use super::uplift::{auuc, qini};
use super::watch::{Part, Watch};

#[derive(Deserialize)]
struct Vectors {
    scores: Vec<Scores>,
    uplift: Vec<Uplift>,
    psi: Vec<Psi>,
    logistic: Vec<Logistic>,
}

#[derive(Deserialize)]
struct Scores {
    scores: Vec<f64>,
    labels: Vec<bool>,
    weights: Vec<f64>,
    auc: f64,
    weighted_auc: f64,
    log_loss: f64,
    weighted_log_loss: f64,
    brier: f64,
    weighted_brier: f64,
    bin_rows: Vec<i64>,
    bin_means: Vec<f64>,
    bin_shares: Vec<f64>,
    expected_calibration_error: f64,
    lift: Vec<f64>,
    gain: Vec<f64>,
}

#[derive(Deserialize)]
struct Uplift {
    scores: Vec<f64>,
    labels: Vec<bool>,
    treated: Vec<bool>,
    qini: f64,
    auuc: f64,
}

#[derive(Deserialize)]
struct Psi {
    expected: Vec<f64>,
    actual: Vec<f64>,
    psi: f64,
}

#[derive(Deserialize)]
struct Logistic {
    penalty: f64,
    columns: Vec<f64>,
    labels: Vec<bool>,
    weights: Vec<f64>,
    intercept: f64,
    coefficients: Vec<f64>,
}

fn vectors() -> Vectors {
    toml::from_str(include_str!("../../tests/data/model_metrics.toml")).unwrap()
}

#[track_caller]
fn near(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
    }
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    for each in vectors().scores {
        let (scores, labels, ones) = (&each.scores, &each.labels, vec![1.0; each.scores.len()]);
        near(
            &[auc(scores, labels, &ones).unwrap(), auc(scores, labels, &each.weights).unwrap()],
            &[each.auc, each.weighted_auc],
        );
        near(
            &[log_loss(scores, labels, &ones), log_loss(scores, labels, &each.weights)],
            &[each.log_loss, each.weighted_log_loss],
        );
        near(&[brier(scores, labels, &ones), brier(scores, labels, &each.weights)], &[each.brier, each.weighted_brier]);
    }
}

#[test]
fn calibration_and_lift_are_those_of_scikit_learn_and_numpy() {
    for each in vectors().scores {
        let bins = calibration(&each.scores, &each.labels);
        assert_eq!(bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), each.bin_rows);
        near(&bins.iter().map(|bin| bin.mean_score).collect::<Vec<_>>(), &each.bin_means);
        near(&bins.iter().map(|bin| bin.share).collect::<Vec<_>>(), &each.bin_shares);
        near(&[expected_calibration_error(&bins)], &[each.expected_calibration_error]);
        let tenths = lift(&each.scores, &each.labels);
        near(&tenths.iter().map(|tenth| tenth.lift).collect::<Vec<_>>(), &each.lift);
        near(&tenths.iter().map(|tenth| tenth.gain).collect::<Vec<_>>(), &each.gain);
    }
}

#[test]
fn uplift_metrics_are_those_of_scikit_uplift() {
    for each in vectors().uplift {
        let ours = [
            qini(&each.scores, &each.labels, &each.treated).unwrap(),
            auuc(&each.scores, &each.labels, &each.treated).unwrap(),
        ];
        near(&ours, &[each.qini, each.auuc]);
    }
}

#[test]
fn drift_is_that_of_scipys_relative_entropies() {
    for each in vectors().psi {
        near(&[psi(&each.expected, &each.actual)], &[each.psi]);
    }
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    for each in vectors().logistic {
        let columns = Array2::from_shape_vec((each.labels.len(), 4), each.columns).unwrap();
        let rows = Labelled { columns: &columns, labels: &each.labels, weights: &each.weights };
        let found = logistic::fit(&rows, each.penalty, Part::new(&Watch::default(), 0.0, 1.0)).unwrap();
        near(&[found.intercept], &[each.intercept]);
        near(&found.coefficients, &each.coefficients);
    }
}

#[test]
fn one_class_has_no_area() {
    assert_eq!(auc(&[0.1, 0.2], &[true, true], &[1.0, 1.0]), None);
    assert_eq!(qini(&[0.1, 0.2], &[false, false], &[true, false]), None);
}

const FEATURES: [(&str, ValueType); 4] = [
    ("balance", ValueType::Number),
    ("city", ValueType::Text),
    ("open_day", ValueType::Day),
    ("late", ValueType::Number),
];

/// Customers who buy the more, the higher their balance is; every seventh lacks it. The treated buy much more, in Wuhan alone.
fn rows(count: usize) -> Rows {
    let feature = |(name, r#type): (&str, ValueType)| pb::DatasetFeature {
        name: name.into(),
        r#type: r#type.into(),
        known_after_outcome: name == "late",
    };
    let mut rows = Rows::new(&FEATURES.map(feature));
    for at in 0..count {
        let draw = |of: u64| super::split::draw(of, at as u64) as f64 / u64::MAX as f64;
        let (balance, wuhan, treated, noise) = (draw(1) * 1000.0, draw(2) < 0.3, draw(3) < 0.5, draw(4));
        let chance =
            0.1 + 0.3 * balance / 1000.0 + if wuhan { 0.1 } else { 0.0 } + if wuhan && treated { 0.5 } else { 0.0 };
        let kinds = [
            (at % 7 != 0).then_some(value::Kind::Number(balance)),
            Some(value::Kind::Text(if wuhan { "Wuhan" } else { "Xi'an" }.into())),
            Some(value::Kind::Day("2024-01-01".into())),
            Some(value::Kind::Number(f64::from(u8::from(noise < chance)))),
        ];
        let time = clock::timestamp(clock::from_micros(1_750_000_000_000_000 + at as i64 * 1_000_000));
        let row = pb::LabelledRow {
            values: kinds.into_iter().map(|kind| Value { kind }).collect(),
            label: noise < chance,
            outcome_time: Some(time),
            as_of_time: Some(time),
            arm: if treated { pb::Arm::Treated } else { pb::Arm::Control }.into(),
            ..Default::default()
        };
        rows.add(&row, chrono_tz::Asia::Shanghai);
    }
    rows
}

fn training(learner: pb::Learner) -> pb::Training {
    pb::Training {
        learner: learner.into(),
        seed: 5,
        trees: 5,
        split: pb::Split::Stratified.into(),
        ..Default::default()
    }
}

#[test]
fn every_learner_learns_alike_from_the_same_seed_and_explains_its_scores() {
    let rows = rows(2000);
    for learner in [pb::Learner::Logistic, pb::Learner::Forest, pb::Learner::UpliftLogistic, pb::Learner::UpliftForest]
    {
        let learned = learn(&rows, &training(learner), &Watch::default()).unwrap();
        assert_eq!(learn(&rows, &training(learner), &Watch::default()).unwrap(), learned, "{learner:?}");
        let metrics = &learned.metrics;
        assert_eq!((learned.rows as i64 + metrics.rows, metrics.unscored), (2000, 0), "{learner:?}");
        match metrics.auc {
            Some(auc) => assert!(auc > 0.6, "{learner:?} {auc}"),
            None => assert!(metrics.qini.unwrap() > 0.0, "{learner:?} {metrics:?}"),
        }
        let fitted = Fitted::new(learned.body, &[]).unwrap();
        // What was known only after the outcome is not learned from, though it would tell all.
        assert_eq!(
            fitted.inputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["balance", "city", "open_day"]
        );
        let cell = |at: usize| [Cell::Number(900.0), Cell::Text("Wuhan"), Cell::Number(700.0)][at];
        let score = fitted.score(cell, &mut Vec::new()).unwrap();
        let explained = explain(&fitted, cell).unwrap().unwrap();
        let whole = explained.base + explained.contributions.iter().sum::<f64>();
        match learner {
            pb::Learner::Logistic => near(&[logistic::probability(whole)], &[score]),
            pb::Learner::Forest | pb::Learner::UpliftForest => near(&[whole], &[score]),
            _ => assert!(whole > 0.0 && score > 0.0, "{learner:?}"),
        }
        assert!(weights(&fitted.body)[1] > 0.0);
    }
}

#[test]
fn a_missing_input_is_no_score_unless_training_lacked_it_too() {
    let learned = learn(&rows(500), &training(pb::Learner::Logistic), &Watch::default()).unwrap();
    let fitted = Fitted::new(learned.body, &[]).unwrap();
    let score = |cells: [Cell<'static>; 3]| fitted.score(|at| cells[at], &mut Vec::new());
    assert!(score([Cell::Missing, Cell::Text("Wuhan"), Cell::Number(1.0)]).is_ok());
    assert_eq!(score([Cell::Number(1.0), Cell::Missing, Cell::Number(1.0)]), Err(NoScore::Missing(1)));
    assert_eq!(score([Cell::Number(1.0), Cell::Text("Paris"), Cell::Number(1.0)]), Err(NoScore::Missing(1)));
    assert!(fitted.words(&NoScore::Missing(1)).starts_with("city is missing"));
}

#[test]
fn what_nothing_can_be_learned_from_is_named() {
    let mut all_alike = rows(100);
    all_alike.labels = vec![true; 100];
    let why = learn(&all_alike, &training(pb::Learner::Logistic), &Watch::default()).unwrap_err();
    assert_eq!(why, Fault::Unfit("the rows to learn from have one class only".into()));
    let mut empty = rows(100);
    empty.series[0] = super::rows::Series::Numbers(vec![f64::NAN; 100]);
    let why = learn(&empty, &training(pb::Learner::Logistic), &Watch::default()).unwrap_err();
    assert_eq!(why, Fault::Unfit("balance has no value in any of the rows to learn from".into()));
    let watch = Watch::default();
    watch.stop();
    assert_eq!(learn(&rows(100), &training(pb::Learner::Forest), &watch), Err(Fault::Stopped));
}

fn onnx_scorer(width: i32) -> pb::OnnxScorer {
    let input = |position: i32| pb::OnnxInput {
        input: "row".into(),
        position,
        feature: format!("f{position}"),
        r#type: ValueType::Number.into(),
        ..Default::default()
    };
    pb::OnnxScorer { inputs: (0..width).map(input).collect(), output: "score".into(), position: 0 }
}

fn onnx(scorer: pb::OnnxScorer, bytes: &[u8]) -> Result<Fitted, String> {
    let learner = Some(pb::model_body::Learner::Onnx(scorer));
    Fitted::new(pb::ModelBody { learner, ..Default::default() }, bytes)
}

const ROWS: [[f64; 3]; 3] = [[100.0, 5.0, 1.0], [5_000.0, 0.0, 1.0], [70_000.0, 9.0, 0.0]];

#[test]
fn imported_models_score_as_where_they_come_from() {
    let forest = pb::OnnxScorer { output: "probabilities".into(), position: 1, ..onnx_scorer(3) };
    let cases: [(pb::OnnxScorer, &[u8], [f64; 3]); 2] = [
        (onnx_scorer(3), include_bytes!("../../tests/data/plain.onnx"), [0.4260464608669281, 0.5744425058364868, 0.5]),
        (
            forest,
            include_bytes!("../../tests/data/forest.onnx"),
            [0.18776326777967467, 0.1353023488255872, 0.9083492731335332],
        ),
    ];
    for (scorer, bytes, expected) in cases {
        let fitted = onnx(scorer, bytes).unwrap();
        for (row, expected) in ROWS.iter().zip(expected) {
            let score = fitted.score(|at| Cell::Number(row[at]), &mut Vec::new()).unwrap();
            assert!((score - expected).abs() < 1e-6, "{score} {expected}");
        }
        assert_eq!(fitted.score(|_| Cell::Missing, &mut Vec::new()), Err(NoScore::Missing(0)));
    }
}

#[test]
fn what_an_imported_model_makes_of_each_feature_adds_up_to_its_score() {
    let fitted = onnx(onnx_scorer(3), include_bytes!("../../tests/data/plain.onnx")).unwrap();
    let score = |row: [f64; 3]| fitted.score(|at| Cell::Number(row[at]), &mut Vec::new()).unwrap();
    let held = |row: [f64; 3]| row.map(Held::Number).to_vec();
    let others = ROWS[1..].iter().map(|row| held(*row)).collect::<Vec<_>>();
    let why = compare::explain(&fitted, &held(ROWS[0]), &others, 7).unwrap();
    assert!((why.base - (score(ROWS[1]) + score(ROWS[2])) / 2.0).abs() < 1e-12);
    assert!((why.base + why.contributions.iter().sum::<f64>() - score(ROWS[0])).abs() < 1e-12);
    assert_eq!(compare::explain(&fitted, &held(ROWS[0]), &others, 7).unwrap(), why);

    // Where two features differ, forwards and backwards are all the orders that there are: Shapley's value itself.
    let ([a, b, c], [x, y, _]) = (ROWS[0], ROWS[2]);
    let why = compare::explain(&fitted, &held([a, b, c]), &[held([x, y, c])], 7).unwrap();
    let of = |with: [f64; 2], without: [f64; 2]| score([with[0], with[1], c]) - score([without[0], without[1], c]);
    let first = (of([a, y], [x, y]) + of([a, b], [x, b])) / 2.0;
    let second = (of([x, b], [x, y]) + of([a, b], [a, y])) / 2.0;
    for (contribution, value) in why.contributions.iter().zip([first, second, 0.0]) {
        assert!((contribution - value).abs() < 1e-12, "{why:?} {first} {second}");
    }
    assert!(first != 0.0 && second != 0.0);
}

#[test]
fn what_does_not_fit_an_imported_model_is_named() {
    let plain = include_bytes!("../../tests/data/plain.onnx");
    let fault = |scorer: pb::OnnxScorer, bytes: &[u8]| onnx(scorer, bytes).err().unwrap();
    assert_eq!(fault(onnx_scorer(2), plain), "the input row takes 3 numbers, and 2 are mapped");
    let output = pb::OnnxScorer { output: "nothing".into(), ..onnx_scorer(3) };
    assert_eq!(fault(output, plain), "the model has no output nothing");
    let mut named = onnx_scorer(3);
    named.inputs[1].input = "colour".into();
    assert_eq!(fault(named, plain), "the model has no input colour; it has row");
    let mut twice = onnx_scorer(3);
    twice.inputs[2].position = 1;
    assert_eq!(fault(twice, plain), "position 2 of the input row is left out or taken twice");
    let texts = fault(onnx_scorer(3), include_bytes!("../../tests/data/texts.onnx"));
    assert!(texts.contains("not floats"), "{texts}");
    assert!(!fault(onnx_scorer(3), b"no model at all").is_empty());
    for cut in [10, 50, 100, 150, 200] {
        assert!(onnx(onnx_scorer(3), &plain[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_score_outside_of_0_and_1_is_none() {
    let fitted = onnx(
        pb::OnnxScorer { output: "logit".into(), ..onnx_scorer(3) },
        include_bytes!("../../tests/data/plain.onnx"),
    );
    let score = fitted.unwrap().score(|at| Cell::Number(ROWS[2][at] * 1000.0), &mut Vec::new());
    assert!(matches!(score, Err(NoScore::Broken(why)) if why.contains("does not lie within 0 and 1")));
}
