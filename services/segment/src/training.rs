//! Training in the background, one version at a time in each process, and loading the versions that score. A version is held
//! by a process for a few seconds at a time: whose process went away is trained by another, from the start and alike.

use std::sync::Arc;
use std::time::Duration;

use huan_chassis::store::Store;
use huan_chassis::{Error, Result, clock};
use huan_proto::segment::v1 as pb;
use prost::Message as _;

use crate::memory::{Memory, decode};
use crate::model::learn::{Fault, Learned, learn};
use crate::model::live::{Models, Version};
use crate::model::rows::Rows;
use crate::model::score::Fitted;
use crate::model::watch::Watch;
use crate::store::entity::{dataset, model_body, model_version};
use crate::store::{dataset as datasets, model as versions};

/// How long a process has a version without saying so again.
const HOLD: Duration = Duration::from_secs(5);

/// How often it says so, and looks whether it is to stop.
const TICK: Duration = Duration::from_millis(500);

/// Trains whatever waits, until the store is closed.
pub async fn work(store: Store, memory: Memory, pause: Duration) {
    let holder = format!("{}-{}", std::process::id(), clock::micros(clock::system_now()));
    let work = async {
        loop {
            tokio::time::sleep(pause).await;
            if let Err(error) = train_next(&store, &memory, &holder).await {
                tracing::warn!(%error, "a model could not be trained");
            }
        }
    };
    tokio::select! {
        () = store.closed() => {}
        () = work => {}
    }
}

async fn train_next(store: &Store, memory: &Memory, holder: &str) -> Result<()> {
    let now = clock::micros(clock::system_now());
    while let Some(row) = versions::claim_training(store, holder, now, until()).await? {
        let version: pb::ModelVersion = decode(&row.payload)?;
        let training = version.training.clone().unwrap_or_default();
        let outcome = match rows_of(store, memory, &row.tenant, &training.dataset_id).await {
            Ok(rows) => train(store, &row, rows, training).await?,
            Err(Error::NotFound { .. }) => Some(Err(Fault::Unfit("the dataset is gone".into()))),
            Err(error) => return Err(error),
        };
        if let Some(outcome) = outcome {
            end(store, row.clone(), version, outcome).await?;
            memory.refresh(store, &row.tenant).await?;
        }
    }
    Ok(())
}

/// Trains off the async threads, and holds the version meanwhile. `None`: it is no longer to be trained here.
async fn train(
    store: &Store,
    row: &model_version::Model,
    rows: Rows,
    training: pb::Training,
) -> Result<Option<Result<Learned, Fault>>> {
    let watch = StopOnDrop(Arc::default());
    let seen = watch.0.clone();
    let mut learning = tokio::task::spawn_blocking(move || learn(&rows, &training, &seen));
    let mut is_held = true;
    loop {
        tokio::select! {
            learned = &mut learning => {
                let learned = learned.unwrap_or_else(|_| Err(Fault::Unfit("the training broke down".into())));
                return Ok(Some(learned).filter(|learned| is_held && *learned != Err(Fault::Stopped)));
            }
            () = tokio::time::sleep(TICK) => {
                let progress = (watch.0.progress() * 1000.0) as i32;
                is_held = is_held && versions::hold_training(store, row, progress, until()).await?;
                if !is_held {
                    watch.0.stop();
                }
            }
        }
    }
}

/// Stops a training that nobody waits for any more: the process goes away.
struct StopOnDrop(Arc<Watch>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn end(
    store: &Store,
    row: model_version::Model,
    version: pb::ModelVersion,
    outcome: Result<Learned, Fault>,
) -> Result<()> {
    let (row, body) = match outcome {
        Ok(learned) => {
            let payload = pb::ModelVersion {
                features: input_names(&learned.body),
                training_rows: learned.rows as i64,
                metrics: Some(learned.metrics),
                ..version
            };
            let (state, stage) = (pb::ModelState::Ready.into(), pb::Stage::Shadow.into());
            let body = model_body::Model {
                tenant: row.tenant.clone(),
                model_id: row.model_id.clone(),
                version: row.version,
                body: learned.body.encode_to_vec(),
                onnx: Vec::new(),
            };
            (model_version::Model { state, stage, progress: 1000, payload: payload.encode_to_vec(), ..row }, Some(body))
        }
        Err(fault) => {
            let failure = match fault {
                Fault::Stopped => "it was stopped".to_owned(),
                Fault::Unfit(why) => why,
            };
            let payload = pb::ModelVersion { failure, ..version }.encode_to_vec();
            (model_version::Model { state: pb::ModelState::Failed.into(), payload, ..row }, None)
        }
    };
    versions::end_training(store, row, body).await?;
    Ok(())
}

fn input_names(body: &pb::ModelBody) -> Vec<String> {
    body.preparation.iter().flat_map(|all| all.inputs.iter().map(|input| input.feature.clone())).collect()
}

fn until() -> i64 {
    clock::micros(clock::system_now() + HOLD)
}

/// Reads all rows of a dataset, their days counted in the tenant's zone. Errors: NotFound.
pub async fn rows_of(store: &Store, memory: &Memory, tenant: &str, dataset_id: &str) -> Result<Rows> {
    let found: dataset::Model = datasets::get_dataset(store, tenant, dataset_id).await?;
    let described: pb::Dataset = decode(&found.payload)?;
    let zone = memory.tenant(tenant).read(|state| state.time.zone);
    let mut rows = Rows::new(&described.features);
    datasets::each_row(store, &found, |row| rows.add(row, zone)).await?;
    Ok(rows)
}

/// Reads the versions of a tenant that score; those that are known already are not read again, since they never change.
pub async fn live_versions(store: &Store, tenant: &str, known: &Models) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for (model_id, version, stage) in versions::live_versions(store, tenant).await? {
        let same = known.find(&model_id, version).and_then(|known| known.fitted.clone());
        let fitted = match same {
            Some(fitted) => Some(fitted),
            None => fitted(store, tenant, &model_id, version).await?,
        };
        let stage = pb::Stage::try_from(stage).unwrap_or_default();
        versions.push(Version { model_id, version, stage, fitted });
    }
    Ok(versions)
}

/// Reads a version and makes it ready to score. `None`: what was kept cannot be read.
pub async fn fitted(store: &Store, tenant: &str, model_id: &str, version: i64) -> Result<Option<Arc<Fitted>>> {
    let row = versions::get_body(store, tenant, model_id, version).await?;
    let body: pb::ModelBody = decode(&row.body)?;
    let made = tokio::task::spawn_blocking(move || Fitted::new(body, &row.onnx)).await;
    let made = made.unwrap_or_else(|error| Err(error.to_string()));
    Ok(made
        .inspect_err(|error| tracing::error!(model_id, version, error, "a version cannot be read"))
        .ok()
        .map(Arc::new))
}
