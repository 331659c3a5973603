//! Three models for the bench: one of each learner that a score may come from, trained on the same rows.

use std::time::Duration;

use huan_chassis::clock;
use huan_proto::{
    segment::v1::{self as pb, dataset_service_client::DatasetServiceClient, model_service_client::ModelServiceClient},
    types::v1::{Value, ValueType, value},
};

use crate::{
    demo::Desk,
    failure::{Failure, Result},
};

const DATASET: &str = "bench";
const ROWS: usize = 1000;
const FEATURES: [&str; 4] = ["balance_total", "holding_count", "txn_count_30d", "txn_count_90d"];
/// What is trained, each as a model of its own.
pub const MODELS: [(&str, pb::Learner); 3] = [
    ("bench_forest", pb::Learner::Forest),
    ("bench_logistic", pb::Learner::Logistic),
    ("bench_uplift", pb::Learner::UpliftLogistic),
];
const PATIENCE: Duration = Duration::from_secs(120);

/// Trains them and waits until each is ready.
pub async fn train(desk: &Desk) -> Result<()> {
    let door = desk.door("strategist");
    create_dataset(desk).await?;
    let mut client = ModelServiceClient::new(door.channel.clone());
    for (model_id, learner) in MODELS {
        let training = pb::Training { dataset_id: DATASET.into(), learner: learner.into(), ..Default::default() };
        let request = pb::TrainModelRequest {
            request_id: model_id.into(),
            model_id: model_id.into(),
            purpose: "to be measured".into(),
            training: Some(training),
        };
        let trained = client.train_model(door.request(request)).await?.into_inner().version.unwrap_or_default();
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let get = pb::GetModelVersionRequest { model_id: model_id.into(), version: trained.version };
            let version = client.get_model_version(door.request(get)).await?.into_inner().version.unwrap_or_default();
            match version.state() {
                pb::ModelState::Ready => break,
                pb::ModelState::Training if tokio::time::Instant::now() < until => {}
                _ => return Err(Failure::new(format!("{model_id} is not trained: {}", version.failure))),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

async fn create_dataset(desk: &Desk) -> Result<()> {
    let door = desk.door("strategist");
    let mut client = DatasetServiceClient::new(door.channel.clone());
    let feature = |name: &str| pb::DatasetFeature {
        name: name.into(),
        r#type: ValueType::Number.into(),
        known_after_outcome: false,
    };
    let dataset = pb::Dataset {
        dataset_id: DATASET.into(),
        display_name: "Bench".into(),
        features: FEATURES.into_iter().map(feature).collect(),
        ..Default::default()
    };
    let request = pb::CreateDatasetRequest { request_id: DATASET.into(), dataset: Some(dataset) };
    client.create_dataset(door.request(request)).await?;
    let request = pb::AddRowsRequest { dataset_id: DATASET.into(), first_row: 0, rows: (0..ROWS).map(row).collect() };
    client.add_rows(door.request(request)).await?;
    client.seal_dataset(door.request(pb::SealDatasetRequest { dataset_id: DATASET.into() })).await?;
    Ok(())
}

/// Those of a high balance and many transactions mostly have the outcome; arms take turns.
fn row(at: usize) -> pb::LabelledRow {
    let (balance, count) = (at * 7919 % 1000, at * 104_729 % 60);
    let label = (balance / 20 + count > 50) != at.is_multiple_of(11);
    let values = [balance * 100, at % 5, count, count * 2 + at % 7];
    let time = clock::from_micros((at as i64 + 1) * 1_000_000);
    pb::LabelledRow {
        values: values.into_iter().map(|it| Value { kind: Some(value::Kind::Number(it as f64)) }).collect(),
        label,
        outcome_time: Some(clock::timestamp(time)),
        as_of_time: Some(clock::timestamp(time)),
        arm: if at.is_multiple_of(2) { pb::Arm::Treated } else { pb::Arm::Control }.into(),
        ..Default::default()
    }
}
