//! Models on real contacts: the bank marketing data set goes through the running service, and what each learner came to is
//! printed beside what it is held to. `docs/check_model.py` prints scikit-learn's figures on the same matrix.

use std::path::Path;
use std::time::{Duration, Instant};

use huan_proto::segment::v1::{self as segment, model_service_client::ModelServiceClient};

use super::Row;
use crate::{
    demo::Desk,
    failure::{Failure, Result},
    import,
    load::Door,
    suite::{Place, Suite},
};

const TENANT: &str = "bank_marketing";

/// The split's seed, as the check takes it.
const SEED: u64 = 1;

/// How long one training may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What is trained: a name, a learner, a split, and what its area under the ROC curve is held to.
const RUNS: [(&str, segment::Learner, segment::Split, f64); 4] = [
    (
        "logistic regression, a fifth of either class kept back",
        segment::Learner::Logistic,
        segment::Split::Stratified,
        0.78,
    ),
    ("logistic regression, the last fifth kept back", segment::Learner::Logistic, segment::Split::TimeOrdered, 0.71),
    ("forest, a fifth of either class kept back", segment::Learner::Forest, segment::Split::Stratified, 0.78),
    ("forest, the last fifth kept back", segment::Learner::Forest, segment::Split::TimeOrdered, 0.71),
];

/// Trains on a suite of its own.
pub async fn run(folder: &Path) -> Result<Vec<Row>> {
    let place = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(place.path())).await?;
    let door = Desk::new(&suite.doors, TENANT)?.door("admin");
    import::bank_marketing(folder, &door).await?;
    let mut rows = Vec::new();
    for (name, learner, split, least) in RUNS {
        let started = Instant::now();
        let version = train(&door, name, learner, split).await?;
        let metrics = version.metrics.clone().unwrap_or_default();
        tell(&version, &metrics, started.elapsed());
        rows.push(Row::rate(name, "AUC", metrics.auc.unwrap_or_default(), least, 1.0));
    }
    suite.stop().await?;
    Ok(rows)
}

async fn train(
    door: &Door,
    name: &str,
    learner: segment::Learner,
    split: segment::Split,
) -> Result<segment::ModelVersion> {
    let mut client = ModelServiceClient::new(door.channel.clone());
    let request = segment::TrainModelRequest {
        request_id: format!("bench {learner:?} {split:?}"),
        model_id: "deposit".to_owned(),
        purpose: "who makes a deposit after a call".to_owned(),
        training: Some(segment::Training {
            dataset_id: import::BANK_MARKETING.to_owned(),
            learner: learner.into(),
            split: split.into(),
            seed: SEED,
            ..Default::default()
        }),
    };
    let begun = client.train_model(door.request(request)).await?.into_inner().version.unwrap_or_default();
    let until = Instant::now() + PATIENCE;
    loop {
        let asked = segment::GetModelVersionRequest { model_id: begun.model_id.clone(), version: begun.version };
        let version = client.get_model_version(door.request(asked)).await?.into_inner().version.unwrap_or_default();
        match version.state() {
            segment::ModelState::Ready => return Ok(version),
            segment::ModelState::Training if Instant::now() < until => {}
            _ => return Err(Failure::new(format!("{name} is not trained: {}", version.failure))),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What a row of the table has no room for.
fn tell(version: &segment::ModelVersion, metrics: &segment::Metrics, took: Duration) {
    let drift = metrics.drift.clone().unwrap_or_default();
    println!(
        "  {} rows learned from, {} kept back, {} unscored, {:.1} s",
        version.training_rows,
        metrics.rows,
        metrics.unscored,
        took.as_secs_f64()
    );
    println!(
        "  auc {:.6}  log loss {:.6}  brier {:.6}  calibration error {:.4}  first tenth's lift {:.2}",
        metrics.auc.unwrap_or_default(),
        metrics.log_loss.unwrap_or_default(),
        metrics.brier.unwrap_or_default(),
        metrics.expected_calibration_error.unwrap_or_default(),
        metrics.lift.first().map_or(0.0, |tenth| tenth.lift)
    );
    let inputs: Vec<String> =
        drift.features.iter().take(6).map(|input| format!("{} {:.4}", input.feature, input.psi)).collect();
    println!("  psi of the scores {:.4}, of the inputs {}", drift.score_psi, inputs.join(", "));
}
