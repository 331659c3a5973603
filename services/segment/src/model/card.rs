//! A model card (Mitchell et al. 2019): what a version is for, what it learned from, how well it does, and who answers for
//! it, for people to read.

use std::fmt::Write as _;

use huan_chassis::clock;
use huan_proto::segment::v1 as pb;

/// Features that a card names.
const LEADING: usize = 10;

/// The features that weigh most, largest first.
pub fn leading(names: &[String], weights: &[f64]) -> Vec<String> {
    let mut pairs: Vec<(&String, f64)> =
        names.iter().zip(weights.iter().copied()).filter(|pair| pair.1 > 0.0).collect();
    pairs.sort_by(|left, right| right.1.total_cmp(&left.1));
    pairs.into_iter().take(LEADING).map(|(name, _)| name.clone()).collect()
}

/// The card as Markdown.
pub fn markdown(card: &pb::ModelCard) -> String {
    let version = card.version.clone().unwrap_or_default();
    let training = version.training.clone().unwrap_or_default();
    let mut text = String::new();
    let mut line = |words: String| text.push_str(&(words + "\n"));
    line(format!("# {} version {}\n", plain(&version.model_id), version.version));
    line(format!("{}\n", plain(&version.purpose)));
    line("| | |\n|---|---|".into());
    let made = version.create_time.as_ref().and_then(clock::datetime);
    let made = made.map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
    line(format!("| made | {made}, by {} |", plain(&version.maker)));
    let checker = if version.checker.is_empty() { "nobody yet".to_owned() } else { plain(&version.checker) };
    line(format!("| stage | {}, moved there by {checker} |", stage(version.stage())));
    line(format!("| state | {} |", state(version.state())));
    line(format!("| learner | {} |", learner(&training)));
    line(format!("| data | {} |", plain(&card.data)));
    line(format!("| rows learned from | {} |", version.training_rows));
    line(format!("| rows kept back | {} |", kept(&training)));
    line(format!("| features | {} |", plain(&version.features.join(", "))));
    if !card.leading_features.is_empty() {
        line(format!("| those that weigh most | {} |", plain(&card.leading_features.join(", "))));
    }
    if let Some(metrics) = &version.metrics {
        text.push_str(&metrics_markdown(metrics));
    }
    text
}

fn metrics_markdown(metrics: &pb::Metrics) -> String {
    let mut text = String::from("\n## On the rows kept back\n\n| | |\n|---|---|\n");
    let mut row = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {name} | {value:.4} |");
        }
    };
    row("area under the ROC curve", metrics.auc);
    row("logarithmic loss", metrics.log_loss);
    row("Brier score", metrics.brier);
    row("expected calibration error", metrics.expected_calibration_error);
    row("Qini coefficient", metrics.qini);
    row("area under the uplift curve", metrics.auuc);
    row("drift of the scores since training (PSI)", metrics.drift.as_ref().map(|drift| drift.score_psi));
    let _ = writeln!(text, "| rows | {} scored, {} without a score |", metrics.rows, metrics.unscored);
    let _ = writeln!(text, "| true labels | {} |", metrics.positives);
    if !metrics.lift.is_empty() {
        text.push_str("\n| tenth, best first | rows | true labels | lift | share of all true labels so far |\n|---|---|---|---|---|\n");
        for (at, tenth) in metrics.lift.iter().enumerate() {
            let (rows, positives) = (tenth.rows, tenth.positives);
            let _ = writeln!(text, "| {} | {rows} | {positives} | {:.2} | {:.3} |", at + 1, tenth.lift, tenth.gain);
        }
    }
    if !metrics.calibration.is_empty() {
        text.push_str("\n| scores | rows | share of true labels |\n|---|---|---|\n");
        for bin in &metrics.calibration {
            let _ = writeln!(text, "| {:.4} | {} | {:.4} |", bin.mean_score, bin.rows, bin.share);
        }
    }
    text
}

/// Words of people in a cell of a table.
fn plain(words: &str) -> String {
    words.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn stage(stage: pb::Stage) -> &'static str {
    match stage {
        pb::Stage::Unspecified => "none",
        pb::Stage::Shadow => "shadow",
        pb::Stage::Challenger => "challenger",
        pb::Stage::Champion => "champion",
        pb::Stage::Retired => "retired",
    }
}

fn state(state: pb::ModelState) -> &'static str {
    match state {
        pb::ModelState::Unspecified => "unknown",
        pb::ModelState::Training => "being trained",
        pb::ModelState::Ready => "ready",
        pb::ModelState::Failed => "failed",
        pb::ModelState::Cancelled => "cancelled",
    }
}

fn learner(training: &pb::Training) -> String {
    let name = match training.learner() {
        pb::Learner::Unspecified => "unknown",
        pb::Learner::Logistic => "logistic regression",
        pb::Learner::Forest => "forest",
        pb::Learner::UpliftLogistic => "two logistic regressions, of treated and control",
        pb::Learner::UpliftForest => "two forests, of treated and control",
        pb::Learner::Onnx => return "imported from ONNX".into(),
    };
    format!("{name}, seed {}", training.seed)
}

fn kept(training: &pb::Training) -> &'static str {
    match training.split() {
        _ if training.learner() == pb::Learner::Onnx => "the whole dataset that it was measured on, if any",
        pb::Split::Stratified => "a fifth of either class, drawn with the seed",
        _ => "the last fifth by outcome time",
    }
}
