//! Datasets and models: every RPC through a real client, success once and each documented error once; the store on both
//! databases; champions exchanged under load.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bank::{Bank, TENANT, noon, number, text};
use huan_chassis::clock;
use huan_chassis::error::{field_faults, reason};
use huan_chassis::store::{Store, test};
use huan_chassis::token::Claims;
use huan_proto::error::v1::ErrorReason;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::dataset_service_client::DatasetServiceClient;
use huan_proto::segment::v1::membership_service_client::MembershipServiceClient;
use huan_proto::segment::v1::model_service_client::ModelServiceClient;
use huan_proto::types::v1::{Value, ValueType, value};
use huan_segment::Migrator;
use huan_segment::store::entity::{model_body, model_version};
use huan_segment::store::model as versions;
use tonic::{Code, Request, Response, Status};

const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, code: Code, why: ErrorReason) -> Status {
    let status = answer.expect_err("it is refused");
    assert_eq!((status.code(), reason(&status)), (code, Some(why)), "{status:?}");
    status
}

/// The fields at fault of an INVALID_ARGUMENT.
#[track_caller]
fn invalid<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Vec<String> {
    let status = refused(answer, Code::InvalidArgument, ErrorReason::InvalidField);
    field_faults(&status).into_iter().map(|fault| fault.field).collect()
}

#[track_caller]
fn wrong_state<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> String {
    refused(answer, Code::FailedPrecondition, ErrorReason::WrongState).message().to_owned()
}

/// A request of another user than `Bank::user` signs for.
fn checker<T>(bank: &Bank, message: T) -> Request<T> {
    let claims = Claims::user("u-9", TENANT, &["approver", "analyst"], "/", clock::system_now());
    let mut request = Request::new(message);
    let token = format!("Bearer {}", bank.keys.sign(&claims));
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    request
}

fn write<T>(bank: &Bank, message: T) -> Request<T> {
    bank.user("strategist", "/", message)
}

fn feature(name: &str, r#type: ValueType) -> pb::DatasetFeature {
    pb::DatasetFeature { name: name.into(), r#type: r#type.into(), known_after_outcome: false }
}

fn create_dataset(dataset_id: &str, features: Vec<pb::DatasetFeature>) -> pb::CreateDatasetRequest {
    let dataset = pb::Dataset {
        dataset_id: dataset_id.into(),
        display_name: "Who bought".into(),
        description: "whether a fund was bought within thirty days".into(),
        features,
        ..Default::default()
    };
    pb::CreateDatasetRequest { request_id: format!("r-{dataset_id}"), dataset: Some(dataset) }
}

fn features() -> Vec<pb::DatasetFeature> {
    let late = pb::DatasetFeature { known_after_outcome: true, ..feature("duration", ValueType::Number) };
    vec![feature("balance_total", ValueType::Number), feature("customer_type", ValueType::Text), late]
}

/// Customers who buy if their balance is high, most of them; arms take turns.
fn rows(from: usize, count: usize) -> Vec<pb::LabelledRow> {
    let row = |at: usize| {
        let balance = (at * 7919 % 100) as f64 * 1000.0;
        let label = (balance > 50_000.0) != at.is_multiple_of(11);
        let kinds = [
            number(balance),
            text(if at.is_multiple_of(3) { "corporate" } else { "retail" }),
            number(f64::from(u8::from(label))),
        ];
        let time = clock::timestamp(noon() + chrono::TimeDelta::seconds(at as i64));
        pb::LabelledRow {
            values: kinds.into_iter().map(|kind| Value { kind: Some(kind) }).collect(),
            label,
            outcome_time: Some(time),
            as_of_time: Some(time),
            arm: if at.is_multiple_of(2) { pb::Arm::Treated } else { pb::Arm::Control }.into(),
            ..Default::default()
        }
    };
    (from..from + count).map(row).collect()
}

fn add_rows(dataset_id: &str, first_row: i64, rows: Vec<pb::LabelledRow>) -> pb::AddRowsRequest {
    pb::AddRowsRequest { dataset_id: dataset_id.into(), first_row, rows }
}

fn seal(dataset_id: &str) -> pb::SealDatasetRequest {
    pb::SealDatasetRequest { dataset_id: dataset_id.into() }
}

/// A sealed dataset of 400 rows called "bought".
async fn with_dataset(bank: &Bank) -> DatasetServiceClient<huan_chassis::client::Channel> {
    let mut datasets = DatasetServiceClient::new(bank.channel.clone());
    datasets.create_dataset(write(bank, create_dataset("bought", features()))).await.unwrap();
    datasets.add_rows(write(bank, add_rows("bought", 0, rows(0, 400)))).await.unwrap();
    datasets.seal_dataset(write(bank, seal("bought"))).await.unwrap();
    datasets
}

fn train(request_id: &str, learner: pb::Learner) -> pb::TrainModelRequest {
    let training =
        pb::Training { dataset_id: "bought".into(), learner: learner.into(), trees: 4, ..Default::default() };
    pb::TrainModelRequest {
        request_id: request_id.into(),
        model_id: "buys".into(),
        purpose: "who will buy a fund".into(),
        training: Some(training),
    }
}

type Models = ModelServiceClient<huan_chassis::client::Channel>;

fn get(version: i64) -> pb::GetModelVersionRequest {
    pb::GetModelVersionRequest { model_id: "buys".into(), version }
}

/// Waits until a version is no longer being trained.
async fn trained(bank: &Bank, models: &mut Models, version: i64) -> pb::ModelVersion {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let read = models.get_model_version(write(bank, get(version))).await.unwrap().into_inner().version.unwrap();
        if read.state() != pb::ModelState::Training {
            return read;
        }
        assert!(tokio::time::Instant::now() < until, "it is not trained: {read:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn promote(version: &pb::ModelVersion, stage: pb::Stage) -> pb::PromoteModelRequest {
    pb::PromoteModelRequest {
        model_id: version.model_id.clone(),
        version: version.version,
        stage: stage.into(),
        revision: version.revision,
        comment: "seen and found sound".into(),
    }
}

async fn scores(bank: &Bank, customer_id: &str) -> Vec<pb::Score> {
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let asked = pb::EvaluateCustomerRequest { customer_id: customer_id.into(), ..Default::default() };
    memberships.evaluate_customer(bank.user("analyst", "/", asked)).await.unwrap().into_inner().scores
}

/// Waits until a customer is scored by this many versions: a trained one scores a moment after it is ready.
async fn scored(bank: &Bank, customer_id: &str, versions: usize) -> Vec<pb::Score> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let scores = scores(bank, customer_id).await;
        if scores.len() == versions {
            return scores;
        }
        assert!(tokio::time::Instant::now() < until, "{scores:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_filled_in_pages_and_sealed() {
    Bank::each(async |bank| {
        let mut datasets = DatasetServiceClient::new(bank.channel.clone());
        let request = create_dataset("bought", features());
        let made = datasets.create_dataset(write(&bank, request.clone())).await.unwrap().into_inner().dataset.unwrap();
        assert_eq!((made.rows, made.sealed, made.maker.as_str()), (0, false, "u-1"));
        datasets.create_dataset(write(&bank, request.clone())).await.unwrap();
        let taken = pb::CreateDatasetRequest { request_id: "other".into(), ..request };
        let taken = datasets.create_dataset(write(&bank, taken)).await;
        refused(taken, Code::AlreadyExists, ErrorReason::AlreadyExists);
        assert!(wrong_state(datasets.seal_dataset(write(&bank, seal("bought"))).await).contains("empty"));

        let mut add = async |first, rows| datasets.add_rows(write(&bank, add_rows("bought", first, rows))).await;
        assert_eq!(add(0, rows(0, 30)).await.unwrap().into_inner().rows, 30);
        assert_eq!(add(0, rows(0, 30)).await.unwrap().into_inner().rows, 30);
        assert_eq!(add(30, rows(30, 10)).await.unwrap().into_inner().rows, 40);
        assert!(wrong_state(add(50, rows(0, 1)).await).contains("only 40 rows long"));
        assert_eq!(invalid(add(7, rows(0, 1)).await), ["first_row"]);
        let sealed = datasets.seal_dataset(write(&bank, seal("bought"))).await.unwrap().into_inner().dataset.unwrap();
        let positives = rows(0, 40).iter().filter(|row| row.label).count() as i64;
        assert_eq!((sealed.rows, sealed.positives, sealed.sealed), (40, positives, true));
        let more = datasets.add_rows(write(&bank, add_rows("bought", 40, rows(0, 1)))).await;
        assert!(wrong_state(more).contains("sealed"));

        let get = |id: &str| bank.user("analyst", "/", pb::GetDatasetRequest { dataset_id: id.into() });
        assert_eq!(datasets.get_dataset(get("bought")).await.unwrap().into_inner().dataset.unwrap(), sealed);
        refused(datasets.get_dataset(get("none")).await, Code::NotFound, ErrorReason::NotFound);
        let list = |page_size| bank.user("analyst", "/", pb::ListDatasetsRequest { page_size, ..Default::default() });
        assert_eq!(datasets.list_datasets(list(0)).await.unwrap().into_inner().datasets, [sealed]);
        assert_eq!(invalid(datasets.list_datasets(list(1001)).await), ["page_size"]);
        let foreign = bank.foreigner("analyst", pb::ListDatasetsRequest::default());
        assert!(datasets.list_datasets(foreign).await.unwrap().into_inner().datasets.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_know_the_outcome_or_do_not_fit_are_refused_by_field() {
    let bank = Bank::open(test::sqlite()).await;
    let mut datasets = DatasetServiceClient::new(bank.channel.clone());
    let bad = pb::CreateDatasetRequest { request_id: "r".into(), dataset: Some(pb::Dataset::default()) };
    let fields = ["dataset.features", "dataset.dataset_id", "dataset.display_name"];
    assert_eq!(invalid(datasets.create_dataset(write(&bank, bad)).await), fields);
    datasets.create_dataset(write(&bank, create_dataset("bought", features()))).await.unwrap();
    let mut add = async |rows| datasets.add_rows(write(&bank, add_rows("bought", 0, rows))).await;

    let good = rows(0, 1).remove(0);
    let before = Some(clock::timestamp(noon() - chrono::TimeDelta::days(1)));
    let late = pb::LabelledRow { outcome_time: before, ..good.clone() };
    assert_eq!(invalid(add(vec![good.clone(), late]).await), ["rows[1].as_of_time"]);
    // One feature of three was known too late: the one that says so itself may be.
    let times = vec![good.as_of_time.unwrap(), good.as_of_time.unwrap(), good.as_of_time.unwrap()];
    let one = pb::LabelledRow { outcome_time: before, as_of_times: times, ..good.clone() };
    assert_eq!(invalid(add(vec![one]).await), ["rows[0].as_of_times[0]", "rows[0].as_of_times[1]"]);
    let mut unlike = good.clone();
    unlike.values[0] = Value { kind: Some(text("rich")) };
    assert_eq!(invalid(add(vec![unlike]).await), ["rows[0].values[0]"]);
    let short = pb::LabelledRow { values: vec![], ..good.clone() };
    assert_eq!(invalid(add(vec![short]).await), ["rows[0].values"]);
    let heavy = pb::LabelledRow { weight: -1.0, ..good.clone() };
    assert_eq!(invalid(add(vec![heavy]).await), ["rows[0].weight"]);
    assert_eq!(invalid(add(vec![]).await), ["rows"]);
    let customer = pb::LabelledRow { customer_id: "E-1".into(), values: vec![], ..good.clone() };
    assert_eq!(invalid(add(vec![customer.clone()]).await), ["dataset_id"]);
    let missing = datasets.add_rows(write(&bank, add_rows("none", 0, vec![good]))).await;
    refused(missing, Code::NotFound, ErrorReason::NotFound);

    // Customers as they stand, of features that the catalogue has.
    datasets.create_dataset(write(&bank, create_dataset("standing", features()[..2].to_vec()))).await.unwrap();
    let mut add = async |caller, row| {
        let request = bank.user("strategist", caller, add_rows("standing", 0, vec![row]));
        datasets.add_rows(request).await
    };
    let unknown = pb::LabelledRow { customer_id: "X".into(), ..customer.clone() };
    assert_eq!(invalid(add("/", unknown).await), ["rows[0].customer_id"]);
    let elsewhere = add("/hq/west", customer.clone()).await;
    refused(elsewhere, Code::PermissionDenied, ErrorReason::OutOfScope);
    let early = pb::LabelledRow { outcome_time: before, ..customer.clone() };
    assert_eq!(invalid(add("/", early).await), ["rows[0].as_of_time"]);
    assert_eq!(add("/", customer).await.unwrap().into_inner().rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_trained_judged_promoted_and_explains_its_scores() {
    Bank::each(async |bank| {
        let mut datasets = with_dataset(&bank).await;
        let mut models = ModelServiceClient::new(bank.channel.clone());
        let asked = write(&bank, train("t1", pb::Learner::Logistic));
        let begun = models.train_model(asked).await.unwrap().into_inner().version.unwrap();
        assert_eq!(
            (begun.version, begun.state(), begun.stage()),
            (1, pb::ModelState::Training, pb::Stage::Unspecified)
        );
        let again = models.train_model(write(&bank, train("t1", pb::Learner::Logistic))).await.unwrap().into_inner();
        assert_eq!(again.version.unwrap().version, 1);
        let ready = trained(&bank, &mut models, 1).await;
        assert_eq!(
            (ready.state(), ready.stage(), ready.progress),
            (pb::ModelState::Ready, pb::Stage::Shadow, 1.0),
            "{ready:?}"
        );
        assert_eq!((ready.features.join(" "), ready.training_rows), ("balance_total customer_type".into(), 320));
        let metrics = ready.metrics.clone().unwrap();
        assert!(metrics.auc.unwrap() > 0.85 && metrics.rows == 80 && metrics.lift.len() == 10, "{metrics:?}");
        let cancel = pb::CancelTrainingRequest { model_id: "buys".into(), version: 1 };
        assert!(wrong_state(models.cancel_training(write(&bank, cancel)).await).contains("over"));

        let shadow = scored(&bank, "W-1", 1).await;
        assert_eq!((shadow.len(), shadow[0].stage(), shadow[0].version), (1, pb::Stage::Shadow, 1));
        let missing = scores(&bank, "W-2").await;
        assert!(missing[0].value.is_none() && missing[0].missing_reason.contains("balance_total"), "{missing:?}");

        let champion = promote(&ready, pb::Stage::Champion);
        let denied = models.promote_model(write(&bank, champion.clone())).await;
        refused(denied, Code::PermissionDenied, ErrorReason::NoPermission);
        let own = models.promote_model(bank.user("approver", "/", champion.clone())).await;
        refused(own, Code::PermissionDenied, ErrorReason::OwnWork);
        let promoted =
            models.promote_model(checker(&bank, champion.clone())).await.unwrap().into_inner().version.unwrap();
        assert_eq!((promoted.stage(), promoted.checker.as_str()), (pb::Stage::Champion, "u-9"));
        let stale = models.promote_model(checker(&bank, champion.clone())).await;
        refused(stale, Code::Aborted, ErrorReason::StaleRevision);
        let unset = models.promote_model(checker(&bank, promote(&ready, pb::Stage::Unspecified))).await;
        assert_eq!(invalid(unset), ["stage"]);
        let none = pb::PromoteModelRequest { version: 9, ..champion };
        refused(models.promote_model(checker(&bank, none)).await, Code::NotFound, ErrorReason::NotFound);
        let score = scores(&bank, "W-1").await.remove(0);
        assert_eq!((score.stage(), score.value), (pb::Stage::Champion, shadow[0].value));

        explains(&bank, &mut models, score.value.unwrap()).await;
        judged(&bank, &mut models, &mut datasets).await;
    })
    .await;
}

/// The score of W-1 is explained; others are refused.
async fn explains(bank: &Bank, models: &mut Models, score: f64) {
    let explain = |customer_id: &str, version| pb::ExplainScoreRequest {
        customer_id: customer_id.into(),
        model_id: "buys".into(),
        version,
    };
    let asked = bank.user("relationship_manager", "/hq/west", explain("W-1", 0));
    let why = models.explain_score(asked).await.unwrap().into_inner();
    assert_eq!((why.drivers[0].feature.as_str(), why.drivers.len()), ("balance_total", 2));
    assert_eq!(why.drivers[0].value, Some(Value { kind: Some(number(70_000.0)) }));
    let logit = why.base + why.drivers.iter().map(|driver| driver.contribution).sum::<f64>();
    assert!((1.0 / (1.0 + (-logit).exp()) - score).abs() < 1e-9);
    let elsewhere = models.explain_score(bank.user("relationship_manager", "/hq/east", explain("W-1", 0))).await;
    refused(elsewhere, Code::PermissionDenied, ErrorReason::OutOfScope);
    let nobody = models.explain_score(bank.user("analyst", "/", explain("X", 0))).await;
    refused(nobody, Code::NotFound, ErrorReason::NotFound);
    let dead = models.explain_score(bank.user("analyst", "/", explain("W-1", 7))).await;
    refused(dead, Code::NotFound, ErrorReason::NotFound);
    assert!(wrong_state(models.explain_score(bank.user("analyst", "/", explain("W-2", 0))).await).contains("missing"));
}

/// Cards, drift, and what newer outcomes say of the first version.
async fn judged(bank: &Bank, models: &mut Models, datasets: &mut DatasetServiceClient<huan_chassis::client::Channel>) {
    let card = |version| bank.user("analyst", "/", pb::GetModelCardRequest { model_id: "buys".into(), version });
    let card_of_first = models.get_model_card(card(1)).await.unwrap().into_inner();
    assert_eq!(card_of_first.card.unwrap().leading_features[0], "balance_total");
    for words in
        ["# buys version 1", "who will buy a fund", "champion, moved there by u-9", "Who bought (bought): 400 rows"]
    {
        assert!(card_of_first.markdown.contains(words), "{words}\n{}", card_of_first.markdown);
    }
    refused(models.get_model_card(card(9)).await, Code::NotFound, ErrorReason::NotFound);

    let drift = |version| bank.user("analyst", "/", pb::GetModelDriftRequest { model_id: "buys".into(), version });
    let live = models.get_model_drift(drift(1)).await.unwrap().into_inner().drift.unwrap();
    assert_eq!((live.rows, live.unscored, live.features.len()), (3, 1, 2));
    assert!(live.score_psi > 0.0);
    refused(models.get_model_drift(drift(9)).await, Code::NotFound, ErrorReason::NotFound);

    datasets.create_dataset(write(bank, create_dataset("newer", features()))).await.unwrap();
    datasets.add_rows(write(bank, add_rows("newer", 0, rows(400, 50)))).await.unwrap();
    let evaluate = |version, dataset_id: &str| {
        let dataset_id = dataset_id.to_owned();
        bank.user("analyst", "/", pb::EvaluateModelRequest { model_id: "buys".into(), version, dataset_id })
    };
    assert!(wrong_state(models.evaluate_model(evaluate(1, "newer")).await).contains("not yet sealed"));
    datasets.seal_dataset(write(bank, seal("newer"))).await.unwrap();
    let metrics = models.evaluate_model(evaluate(1, "newer")).await.unwrap().into_inner().metrics.unwrap();
    assert!(metrics.rows == 50 && metrics.auc.unwrap() > 0.8 && !metrics.calibration.is_empty(), "{metrics:?}");
    refused(models.evaluate_model(evaluate(1, "none")).await, Code::NotFound, ErrorReason::NotFound);
    refused(models.evaluate_model(evaluate(9, "newer")).await, Code::NotFound, ErrorReason::NotFound);
    let other = create_dataset("unlike", vec![feature("colour", ValueType::Text)]);
    datasets.create_dataset(write(bank, other)).await.unwrap();
    let row = pb::LabelledRow { values: vec![Value::default()], ..rows(0, 1).remove(0) };
    datasets.add_rows(write(bank, add_rows("unlike", 0, vec![row]))).await.unwrap();
    datasets.seal_dataset(write(bank, seal("unlike"))).await.unwrap();
    assert!(wrong_state(models.evaluate_model(evaluate(1, "unlike")).await).contains("balance_total"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_training_is_named() {
    let bank = Bank::open(test::sqlite()).await;
    let mut models = ModelServiceClient::new(bank.channel.clone());
    let mut ask = async |request| models.train_model(write(&bank, request)).await;
    refused(ask(train("t", pb::Learner::Logistic)).await, Code::NotFound, ErrorReason::NotFound);
    let mut datasets = with_dataset(&bank).await;
    let named = |features: &[&str]| {
        let mut request = train("t", pb::Learner::Logistic);
        request.training.as_mut().unwrap().features = features.iter().map(ToString::to_string).collect();
        request
    };
    let late = ask(named(&["balance_total", "duration", "colour"])).await;
    assert_eq!(invalid(late), ["training.features[1]", "training.features[2]"]);
    let empty = pb::TrainModelRequest { training: Some(pb::Training::default()), ..Default::default() };
    let fields = ["request_id", "training.learner", "training.dataset_id", "model_id", "purpose"];
    assert_eq!(invalid(ask(empty).await), fields);
    assert_eq!(invalid(ask(train("t", pb::Learner::Onnx)).await), ["training.learner"]);

    let mut one_class = rows(0, 20);
    one_class.iter_mut().for_each(|row| (row.label, row.arm) = (true, pb::Arm::Unspecified.into()));
    datasets.create_dataset(write(&bank, create_dataset("alike", features()))).await.unwrap();
    datasets.add_rows(write(&bank, add_rows("alike", 0, one_class))).await.unwrap();
    let alike = |learner| {
        let mut request = train("t", learner);
        request.training.as_mut().unwrap().dataset_id = "alike".into();
        request
    };
    assert!(wrong_state(ask(alike(pb::Learner::Logistic)).await).contains("not yet sealed"));
    datasets.seal_dataset(write(&bank, seal("alike"))).await.unwrap();
    assert!(wrong_state(ask(alike(pb::Learner::Logistic)).await).contains("one class only"));

    // All values of a feature are missing: that is known once the rows are read.
    let mut blank = rows(0, 40);
    blank.iter_mut().for_each(|row| row.values[0] = Value { kind: Some(number(f64::NAN)) });
    datasets.create_dataset(write(&bank, create_dataset("blank", features()))).await.unwrap();
    datasets.add_rows(write(&bank, add_rows("blank", 0, blank))).await.unwrap();
    datasets.seal_dataset(write(&bank, seal("blank"))).await.unwrap();
    let mut request = train("t", pb::Learner::Logistic);
    request.training.as_mut().unwrap().dataset_id = "blank".into();
    ask(request).await.unwrap();
    let failed = trained(&bank, &mut models, 1).await;
    assert_eq!(failed.state(), pb::ModelState::Failed);
    assert!(failed.failure.contains("balance_total has no value"), "{failed:?}");
    let promoted = models.promote_model(checker(&bank, promote(&failed, pb::Stage::Champion))).await;
    assert!(wrong_state(promoted).contains("not ready"));
    let drift = pb::GetModelDriftRequest { model_id: "buys".into(), version: 1 };
    assert!(wrong_state(models.get_model_drift(write(&bank, drift)).await).contains("not live"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_learner_trains_and_versions_are_listed() {
    let bank = Bank::open(test::sqlite()).await;
    let _datasets = with_dataset(&bank).await;
    let mut models = ModelServiceClient::new(bank.channel.clone());
    let learners = [pb::Learner::Forest, pb::Learner::UpliftLogistic, pb::Learner::UpliftForest];
    for (at, learner) in learners.into_iter().enumerate() {
        models.train_model(write(&bank, train(&format!("t{at}"), learner))).await.unwrap();
    }
    for version in 1..=3 {
        let ready = trained(&bank, &mut models, version).await;
        assert_eq!(ready.state(), pb::ModelState::Ready, "{ready:?}");
        assert_eq!(ready.metrics.unwrap().qini.is_some(), version > 1);
    }
    let list = |model_id: &str, page_size, page_token: &str| {
        let (model_id, page_token) = (model_id.to_owned(), page_token.to_owned());
        bank.user("analyst", "/", pb::ListModelVersionsRequest { model_id, page_size, page_token })
    };
    let page = models.list_model_versions(list("buys", 2, "")).await.unwrap().into_inner();
    let rest = models.list_model_versions(list("buys", 2, &page.next_page_token)).await.unwrap().into_inner();
    let numbers: Vec<i64> = page.versions.iter().chain(&rest.versions).map(|version| version.version).collect();
    assert_eq!((numbers, rest.next_page_token.as_str()), (vec![1, 2, 3], ""));
    let foreign = models.list_model_versions(list("", 2, &page.next_page_token)).await;
    refused(foreign, Code::InvalidArgument, ErrorReason::InvalidPageToken);
    assert_eq!(invalid(models.list_model_versions(list("", 1001, "")).await), ["page_size"]);
    refused(models.get_model_version(write(&bank, get(9))).await, Code::NotFound, ErrorReason::NotFound);
    assert_eq!(invalid(models.get_model_version(write(&bank, get(0))).await), ["version"]);
    scored(&bank, "E-1", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_is_cancelled_and_stays_so() {
    let bank = Bank::open(test::sqlite()).await;
    let _datasets = with_dataset(&bank).await;
    let mut models = ModelServiceClient::new(bank.channel.clone());
    let mut long = train("t", pb::Learner::Forest);
    (long.training.as_mut().unwrap().trees, long.training.as_mut().unwrap().leaf_rows) = (200, 1);
    models.train_model(write(&bank, long)).await.unwrap();
    let cancel = |version| write(&bank, pb::CancelTrainingRequest { model_id: "buys".into(), version });
    let cancelled = models.cancel_training(cancel(1)).await.unwrap().into_inner().version.unwrap();
    assert_eq!(cancelled.state(), pb::ModelState::Cancelled);
    refused(models.cancel_training(cancel(9)).await, Code::NotFound, ErrorReason::NotFound);
    // The next training comes after the one that was stopped.
    models.train_model(write(&bank, train("next", pb::Learner::Logistic))).await.unwrap();
    assert_eq!(trained(&bank, &mut models, 2).await.state(), pb::ModelState::Ready);
    assert_eq!(trained(&bank, &mut models, 1).await.state(), pb::ModelState::Cancelled);
    assert_eq!(scored(&bank, "E-1", 1).await[0].version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn champions_are_exchanged_without_a_dropped_or_mixed_answer() {
    let bank = Arc::new(Bank::open(test::sqlite()).await);
    let _datasets = with_dataset(&bank).await;
    let mut models = ModelServiceClient::new(bank.channel.clone());
    models.train_model(write(&bank, train("t1", pb::Learner::Logistic))).await.unwrap();
    models.train_model(write(&bank, train("t2", pb::Learner::Forest))).await.unwrap();
    let mut of = [trained(&bank, &mut models, 1).await, trained(&bank, &mut models, 2).await];
    let known: Vec<Option<f64>> = scored(&bank, "W-1", 2).await.iter().map(|score| score.value).collect();
    assert!(known[0].is_some() && known[1].is_some() && known[0] != known[1]);
    models.promote_model(checker(&bank, promote(&of[0], pb::Stage::Champion))).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let ask = |bank: Arc<Bank>, stop: Arc<AtomicBool>, known: Vec<Option<f64>>| async move {
        let mut seen = [0u32; 2];
        while !stop.load(Ordering::Relaxed) {
            let all = scores(&bank, "W-1").await;
            let champions: Vec<&pb::Score> = all.iter().filter(|score| score.stage() == pb::Stage::Champion).collect();
            assert_eq!((all.len(), champions.len()), (2, 1), "{all:?}");
            let place = (champions[0].version - 1) as usize;
            assert_eq!(champions[0].value, known[place]);
            seen[place] += 1;
        }
        seen
    };
    let askers: Vec<_> = (0..3).map(|_| tokio::spawn(ask(bank.clone(), stop.clone(), known.clone()))).collect();
    for turn in 0..20 {
        let next = (turn + 1) % 2;
        let read = models.get_model_version(write(&bank, get(next as i64 + 1))).await.unwrap().into_inner();
        of[next] = read.version.unwrap();
        models.promote_model(checker(&bank, promote(&of[next], pb::Stage::Champion))).await.unwrap();
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.await.unwrap().iter().all(|answers| *answers > 0));
    }
}

fn import(onnx: &[u8]) -> pb::ImportModelRequest {
    let input = |position, feature: &str, r#type: ValueType| pb::OnnxInput {
        input: "row".into(),
        position,
        feature: feature.into(),
        r#type: r#type.into(),
        ..Default::default()
    };
    let values =
        [("balance_total", number(70_000.0)), ("txn_count_30d", number(9.0)), ("has_card", value::Kind::Flag(false))];
    let sample = pb::Sample {
        values: values.into_iter().map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) })).collect(),
        expected: Some(0.5),
    };
    pb::ImportModelRequest {
        request_id: "i".into(),
        model_id: "buys".into(),
        purpose: "who will buy a fund".into(),
        onnx: onnx.to_vec(),
        inputs: vec![
            input(0, "balance_total", ValueType::Number),
            input(1, "txn_count_30d", ValueType::Number),
            pb::OnnxInput { missing_value: Some(0.0), ..input(2, "has_card", ValueType::Flag) },
        ],
        output: "score".into(),
        samples: vec![sample],
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_imported_after_it_has_scored_its_samples() {
    Bank::each(async |bank| {
        let mut models = ModelServiceClient::new(bank.channel.clone());
        let plain = include_bytes!("data/plain.onnx");
        let made = models.import_model(write(&bank, import(plain))).await.unwrap().into_inner().version.unwrap();
        assert_eq!((made.version, made.state(), made.stage()), (1, pb::ModelState::Ready, pb::Stage::Shadow));
        assert_eq!(made.features, ["balance_total", "txn_count_30d", "has_card"]);
        models.import_model(write(&bank, import(plain))).await.unwrap();
        let score = scores(&bank, "W-1").await.remove(0);
        assert!((score.value.unwrap() - 0.5).abs() < 1e-6, "{score:?}");
        assert!(scores(&bank, "W-2").await[0].missing_reason.contains("balance_total"));
        let explain = pb::ExplainScoreRequest { customer_id: "W-1".into(), model_id: "buys".into(), version: 1 };
        let why = models.explain_score(bank.user("analyst", "/", explain)).await.unwrap().into_inner();
        let sum: f64 = why.base + why.drivers.iter().map(|driver| driver.contribution).sum::<f64>();
        assert!((sum - score.value.unwrap()).abs() < 1e-9 && why.drivers.len() == 3, "{why:?}");
        let rank = |driver: &pb::Driver| driver.contribution.abs();
        assert!(why.drivers.windows(2).all(|pair| rank(&pair[0]) >= rank(&pair[1])), "{why:?}");
        let drift = pb::GetModelDriftRequest { model_id: "buys".into(), version: 1 };
        assert!(wrong_state(models.get_model_drift(write(&bank, drift)).await).contains("without"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_fit_is_not_imported() {
    let bank = Bank::open(test::sqlite()).await;
    let mut models = ModelServiceClient::new(bank.channel.clone());
    let plain = import(include_bytes!("data/plain.onnx"));
    let mut ask = async |request| models.import_model(write(&bank, request)).await;
    assert_eq!(invalid(ask(import(b"nonsense")).await), ["onnx"]);
    assert_eq!(invalid(ask(import(include_bytes!("data/texts.onnx"))).await), ["onnx"]);
    let narrow = pb::ImportModelRequest { inputs: plain.inputs[..2].to_vec(), ..plain.clone() };
    assert_eq!(invalid(ask(narrow).await), ["onnx"]);
    let mut other = plain.clone();
    other.samples[0].expected = Some(0.6);
    assert_eq!(invalid(ask(other).await), ["samples[0]"]);
    let mut lacking = plain.clone();
    lacking.samples[0].values.clear();
    assert_eq!(invalid(ask(lacking).await), ["samples[0]"]);
    let mut equals = plain.clone();
    (equals.inputs[0].equals, equals.inputs[1].position) = ("x".into(), -1);
    assert_eq!(invalid(ask(equals).await), ["inputs[0].equals", "inputs[1].position"]);
    let empty = ["request_id", "onnx", "inputs", "samples", "output", "model_id", "purpose"];
    assert_eq!(invalid(ask(pb::ImportModelRequest::default()).await), empty);
    let missing = pb::ImportModelRequest { dataset_id: "none".into(), ..plain.clone() };
    refused(ask(missing).await, Code::NotFound, ErrorReason::NotFound);
    let mut datasets = DatasetServiceClient::new(bank.channel.clone());
    datasets.create_dataset(write(&bank, create_dataset("open", features()))).await.unwrap();
    let open = pb::ImportModelRequest { dataset_id: "open".into(), ..plain };
    assert!(wrong_state(ask(open).await).contains("not yet sealed"));
    // The service goes on.
    assert!(scores(&bank, "E-1").await.is_empty());
}

fn waiting(request_id: &str) -> model_version::Model {
    model_version::Model {
        tenant: "bank".into(),
        model_id: "m".into(),
        version: 0,
        request_id: request_id.into(),
        state: pb::ModelState::Training.into(),
        stage: 0,
        progress: 0,
        revision: 1,
        holder: String::new(),
        held_until: 0,
        maker: "u".into(),
        checker: String::new(),
        payload: Vec::new(),
    }
}

#[tokio::test]
async fn one_process_at_a_time_trains_a_version_and_another_takes_over() {
    test::each(Migrator, async |store: Store| {
        let made = versions::create_version(&store, waiting("a"), None).await.unwrap();
        assert_eq!(made.version, 1);
        let first = versions::claim_training(&store, "first", 100, 200).await.unwrap().unwrap();
        assert!(versions::claim_training(&store, "second", 150, 250).await.unwrap().is_none());
        assert!(versions::hold_training(&store, &first, 300, 260).await.unwrap());
        // The first process goes away.
        let second = versions::claim_training(&store, "second", 270, 370).await.unwrap().unwrap();
        assert!(!versions::hold_training(&store, &first, 400, 300).await.unwrap());
        let ready = |row: &model_version::Model| model_version::Model {
            state: pb::ModelState::Ready.into(),
            stage: pb::Stage::Shadow.into(),
            ..row.clone()
        };
        assert!(!versions::end_training(&store, ready(&first), None).await.unwrap());
        let body =
            model_body::Model { tenant: "bank".into(), model_id: "m".into(), version: 1, body: vec![1], onnx: vec![] };
        assert!(versions::end_training(&store, ready(&second), Some(body)).await.unwrap());
        assert_eq!(versions::live_versions(&store, "bank").await.unwrap(), [("m".to_owned(), 1, 1)]);
        assert!(versions::live_versions(&store, "other").await.unwrap().is_empty());
        assert!(versions::get_version(&store, "other", "m", 1).await.is_err());
        assert!(versions::claim_training(&store, "third", 10_000, 20_000).await.unwrap().is_none());
    })
    .await;
}
