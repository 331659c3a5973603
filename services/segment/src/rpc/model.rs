//! ModelService.

use std::sync::Arc;

use huan_chassis::{Error, Identity, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::model_service_server::ModelService;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{Rpc, tenant};
use crate::convert as fields;
use crate::convert::model::{self as convert, Import, Maker};
use crate::memory::State;
use crate::model::import::import;
use crate::model::live::Reasons;
use crate::model::score::Fitted;
use crate::model::{card, explain, live, measure};
use crate::store::entity::{dataset, model_body, model_version};
use crate::{store, training};

#[tonic::async_trait]
impl ModelService for Rpc {
    async fn train_model(
        &self,
        request: Request<pb::TrainModelRequest>,
    ) -> Result<Response<pb::TrainModelResponse>, Status> {
        let tenant = tenant(&request)?;
        let subject = Identity::of(&request)?.subject.clone();
        let maker = Maker { tenant: &tenant, subject: &subject, now: clock::system_now() };
        let (row, asked) = convert::train_model(&maker, request.into_inner())?;
        let row = match store::model::find_by_request(&self.store, &tenant, &row.request_id).await? {
            Some(same) => same,
            None => self.begin_training(row, &asked).await?,
        };
        Ok(Response::new(pb::TrainModelResponse { version: Some(convert::version(&row)?) }))
    }

    async fn cancel_training(
        &self,
        request: Request<pb::CancelTrainingRequest>,
    ) -> Result<Response<pb::CancelTrainingResponse>, Status> {
        let tenant = tenant(&request)?;
        let (model_id, version) = convert::version_key(&request.get_ref().model_id, request.get_ref().version)?;
        let row = store::model::cancel_training(&self.store, &tenant, &model_id, version).await?;
        Ok(Response::new(pb::CancelTrainingResponse { version: Some(convert::version(&row)?) }))
    }

    async fn import_model(
        &self,
        request: Request<pb::ImportModelRequest>,
    ) -> Result<Response<pb::ImportModelResponse>, Status> {
        let tenant = tenant(&request)?;
        let subject = Identity::of(&request)?.subject.clone();
        let maker = Maker { tenant: &tenant, subject: &subject, now: clock::system_now() };
        let asked = convert::import_model(&maker, request.into_inner())?;
        let row = match store::model::find_by_request(&self.store, &tenant, &asked.row.request_id).await? {
            Some(same) => same,
            None => self.try_and_keep(asked).await?,
        };
        Ok(Response::new(pb::ImportModelResponse { version: Some(convert::version(&row)?) }))
    }

    async fn get_model_version(
        &self,
        request: Request<pb::GetModelVersionRequest>,
    ) -> Result<Response<pb::GetModelVersionResponse>, Status> {
        let tenant = tenant(&request)?;
        let (model_id, version) = convert::version_key(&request.get_ref().model_id, request.get_ref().version)?;
        let row = store::model::get_version(&self.store, &tenant, &model_id, version).await?;
        Ok(Response::new(pb::GetModelVersionResponse { version: Some(convert::version(&row)?) }))
    }

    async fn list_model_versions(
        &self,
        request: Request<pb::ListModelVersionsRequest>,
    ) -> Result<Response<pb::ListModelVersionsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let filter = [tenant.as_str(), "model_versions", &asked.model_id];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = store::model::list_versions(&self.store, &tenant, &asked.model_id, &page).await?;
        let next_page_token = next_page(&mut rows, page.limit, &filter);
        let versions = rows.iter().map(convert::version).collect::<OurResult<_>>()?;
        Ok(Response::new(pb::ListModelVersionsResponse { versions, next_page_token }))
    }

    async fn promote_model(
        &self,
        request: Request<pb::PromoteModelRequest>,
    ) -> Result<Response<pb::PromoteModelResponse>, Status> {
        let tenant = tenant(&request)?;
        let checker = Identity::of(&request)?.subject.clone();
        let (asked, comment) = convert::promote_model(request.into_inner())?;
        let note = |row: &model_version::Model| {
            let kept: pb::ModelVersion = crate::memory::decode(&row.payload)?;
            Ok(pb::ModelVersion { comment, ..kept }.encode_to_vec())
        };
        let row = store::model::promote_model(&self.store, &tenant, &asked, &checker, note).await?;
        self.refresh(&tenant).await?;
        Ok(Response::new(pb::PromoteModelResponse { version: Some(convert::version(&row)?) }))
    }

    async fn evaluate_model(
        &self,
        request: Request<pb::EvaluateModelRequest>,
    ) -> Result<Response<pb::EvaluateModelResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let (model_id, version) = convert::version_key(&asked.model_id, asked.version)?;
        let dataset_id = fields::id("dataset_id", &asked.dataset_id)?;
        let fitted = self.ready(&tenant, &model_id, version).await?;
        store::dataset::get_sealed(&self.store, &tenant, &dataset_id).await?;
        let rows = training::rows_of(&self.store, &self.memory, &tenant, &dataset_id).await?;
        let all: Vec<usize> = (0..rows.len()).collect();
        let metrics = aside(move || measure::measure(&fitted, &rows, &all)).await?;
        let metrics = metrics.map_err(|state| Error::WrongState { what: "dataset", state })?;
        Ok(Response::new(pb::EvaluateModelResponse { metrics: Some(metrics) }))
    }

    async fn get_model_drift(
        &self,
        request: Request<pb::GetModelDriftRequest>,
    ) -> Result<Response<pb::GetModelDriftResponse>, Status> {
        let tenant = tenant(&request)?;
        let (model_id, version) = convert::version_key(&request.get_ref().model_id, request.get_ref().version)?;
        let drift = self.drift(&tenant, &model_id, version).await?;
        Ok(Response::new(pb::GetModelDriftResponse { drift: Some(drift) }))
    }

    async fn get_model_card(
        &self,
        request: Request<pb::GetModelCardRequest>,
    ) -> Result<Response<pb::GetModelCardResponse>, Status> {
        let tenant = tenant(&request)?;
        let (model_id, version) = convert::version_key(&request.get_ref().model_id, request.get_ref().version)?;
        let row = store::model::get_version(&self.store, &tenant, &model_id, version).await?;
        let card = self.card(&tenant, &row).await?;
        let markdown = card::markdown(&card);
        Ok(Response::new(pb::GetModelCardResponse { card: Some(card), markdown }))
    }

    async fn explain_score(
        &self,
        request: Request<pb::ExplainScoreRequest>,
    ) -> Result<Response<pb::ExplainScoreResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        fields::id("customer_id", &asked.customer_id)?;
        fields::id("model_id", &asked.model_id)?;
        let memory = self.memory.tenant(&tenant);
        let mut reasons = memory.read(|state| reasons(state, &asked))?;
        if let Some(imported) = reasons.imported.take() {
            let (rows, today) = memory.read(|state| (state.columns.snapshot(), state.time.today()));
            let explain = tokio::task::spawn_blocking(move || imported.explain(&rows, today));
            let explained = explain.await.map_err(|error| Error::Internal(error.to_string()))?;
            reasons.explained = Some(explained.map_err(|state| Error::WrongState { what: "score", state })?);
        }
        Ok(Response::new(explained(reasons)?))
    }
}

impl Rpc {
    /// Holds a training to its dataset and begins it. Errors: NotFound, WrongState, Invalid.
    async fn begin_training(&self, row: model_version::Model, asked: &pb::Training) -> OurResult<model_version::Model> {
        let dataset = store::dataset::get_sealed(&self.store, &row.tenant, &asked.dataset_id).await?;
        convert::check_training(asked, &fields::dataset::dataset(&dataset)?)?;
        check_classes(asked.learner(), &dataset)?;
        store::model::create_version(&self.store, row, None).await
    }

    /// Tries an imported model off the async threads, and keeps it. Errors: NotFound, WrongState, Invalid.
    async fn try_and_keep(&self, asked: Import) -> OurResult<model_version::Model> {
        let (tenant, model_id) = (asked.row.tenant.clone(), asked.row.model_id.clone());
        let rows = if asked.dataset_id.is_empty() {
            None
        } else {
            store::dataset::get_sealed(&self.store, &tenant, &asked.dataset_id).await?;
            Some(training::rows_of(&self.store, &self.memory, &tenant, &asked.dataset_id).await?)
        };
        let today = self.memory.tenant(&tenant).read(|state| state.time.today());
        let (scorer, onnx, samples) = (asked.scorer, asked.onnx, asked.samples);
        let work = move || import(scorer, &onnx, &samples, rows.as_ref(), today).map(|imported| (imported, onnx));
        let (imported, onnx) = aside(work).await?.map_err(Error::Invalid)?;
        let (features, metrics) = (imported.features, imported.metrics);
        let payload = pb::ModelVersion { features, metrics, ..asked.version }.encode_to_vec();
        let row = model_version::Model { payload, ..asked.row };
        let body = model_body::Model {
            tenant: tenant.clone(),
            model_id,
            version: 0,
            body: imported.body.encode_to_vec(),
            onnx,
        };
        let row = store::model::create_version(&self.store, row, Some(body)).await?;
        self.refresh(&tenant).await?;
        Ok(row)
    }

    /// A version that can score, retired or not. Errors: NotFound, WrongState.
    async fn ready(&self, tenant: &str, model_id: &str, version: i64) -> OurResult<Arc<Fitted>> {
        let row = store::model::get_version(&self.store, tenant, model_id, version).await?;
        if row.state != i32::from(pb::ModelState::Ready) {
            return Err(Error::WrongState { what: "model version", state: "not ready".into() });
        }
        let fitted = training::fitted(&self.store, tenant, model_id, version).await?;
        fitted.ok_or_else(|| Error::Internal("a stored model cannot be read".into()))
    }

    async fn drift(&self, tenant: &str, model_id: &str, version: i64) -> OurResult<pb::ModelDrift> {
        store::model::get_version(&self.store, tenant, model_id, version).await?;
        self.memory.refresh_changed(&self.store).await?;
        let wrong = |state: String| Error::WrongState { what: "model version", state };
        let memory = self.memory.tenant(tenant);
        let found = memory.read(|state| (state.models.find(model_id, version).cloned(), state.catalogue.clone()));
        let (Some(version), catalogue) = found else { return Err(wrong("not live".into())) };
        if version.fitted.as_ref().is_none_or(|fitted| fitted.body.scores.is_none()) {
            return Err(wrong("without what drift is measured from".into()));
        }
        let (rows, _, time) = memory.snapshot();
        aside(move || live::drift(&version, &catalogue, &rows, time.today())).await?.map_err(wrong)
    }

    async fn card(&self, tenant: &str, row: &model_version::Model) -> OurResult<pb::ModelCard> {
        let version = convert::version(row)?;
        let dataset_id = version.training.as_ref().map(|training| training.dataset_id.clone()).unwrap_or_default();
        let data = match store::dataset::get_dataset(&self.store, tenant, &dataset_id).await {
            Ok(dataset) => describe(&fields::dataset::dataset(&dataset)?),
            Err(Error::NotFound { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let weights = match store::model::get_body(&self.store, tenant, &row.model_id, row.version).await {
            Ok(body) => explain::weights(&crate::memory::decode(&body.body)?),
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let leading_features = card::leading(&version.features, &weights);
        Ok(pb::ModelCard { version: Some(version), data, leading_features })
    }
}

/// Work off the async threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> OurResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))
}

/// Refuses data that nothing can be learned from. Errors: WrongState.
fn check_classes(learner: pb::Learner, dataset: &dataset::Model) -> OurResult<()> {
    let is_uplift = matches!(learner, pb::Learner::UpliftLogistic | pb::Learner::UpliftForest);
    let state = if dataset.row_count < 10 {
        "of fewer than 10 rows"
    } else if dataset.positives == 0 || dataset.positives == dataset.row_count {
        "of one class only"
    } else if is_uplift && dataset.treated + dataset.control != dataset.row_count {
        "not in all rows of a trial: each needs an arm"
    } else if is_uplift && (dataset.treated == 0 || dataset.control == 0) {
        "of one arm only"
    } else {
        return Ok(());
    };
    Err(Error::WrongState { what: "dataset", state: state.into() })
}

fn describe(dataset: &pb::Dataset) -> String {
    let pb::Dataset { dataset_id, display_name, description, rows, positives, .. } = dataset;
    format!("{display_name} ({dataset_id}): {rows} rows, {positives} with a true label. {description}")
        .trim()
        .to_owned()
}

/// Cuts the row more that was read off a page, and says after which key to go on.
fn next_page(rows: &mut Vec<model_version::Model>, limit: u64, filter: &[&str]) -> String {
    if rows.len() as u64 <= limit {
        return String::new();
    }
    rows.truncate(limit as usize);
    rows.last().map(|last| page::next_token(filter, &[&last.model_id, &last.version.to_string()])).unwrap_or_default()
}

fn reasons(state: &State, asked: &pb::ExplainScoreRequest) -> OurResult<Reasons> {
    let row = state.columns.row(state.root(&asked.customer_id), state.time.today());
    let row = row.ok_or(Error::NotFound { what: "customer", field: "customer_id" })?;
    let reasons = state.models.explain(&asked.model_id, asked.version, &row);
    reasons.ok_or(Error::NotFound { what: "live model version", field: "model_id" })
}

fn explained(reasons: Reasons) -> OurResult<pb::ExplainScoreResponse> {
    let Some(explained) = reasons.explained else {
        let state = match reasons.score.value {
            None => format!("missing: {}", reasons.score.missing_reason),
            Some(_) => "without an explanation".to_owned(),
        };
        return Err(Error::WrongState { what: "score", state });
    };
    let each = reasons.inputs.into_iter().zip(explained.contributions);
    let driver = |((feature, value), contribution)| pb::Driver { feature, value: Some(value), contribution };
    let mut drivers: Vec<pb::Driver> = each.map(driver).collect();
    drivers.sort_by(|left, right| right.contribution.abs().total_cmp(&left.contribution.abs()));
    Ok(pb::ExplainScoreResponse { score: Some(reasons.score), base: explained.base, drivers })
}
