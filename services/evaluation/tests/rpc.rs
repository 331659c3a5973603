//! Every RPC of evaluation through a real client, over rows that came in as the feeds bring them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::{
    clock, config,
    error::{field_faults, reason},
    store::{Store, test::sqlite_file},
    token::{Claims, Keys},
};
use huan_evaluation::{Config, DEFAULTS, NAME, consume, serve, store::Migrator};
use huan_proto::{
    error::v1::ErrorReason,
    evaluation::v1::{self as pb, review_service_client::ReviewServiceClient, review_spec::Subject},
    feed::v1::{GetFeedStatusRequest, Header, feed_service_client::FeedServiceClient},
    profile::v1 as profile,
    strategy::v1 as strategy,
};
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{Code, Request, Status, transport::Channel};

/// A running service, whose upstreams are not there.
struct Suite {
    client: ReviewServiceClient<Channel>,
    channel: Channel,
    store: Store,
    keys: Arc<Keys>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
    _folder: Box<dyn std::any::Any>,
}

impl Suite {
    async fn start() -> Self {
        let (folder, database) = sqlite_file();
        let mut config: Config = config::load(NAME, DEFAULTS, None).unwrap();
        config.database = database.clone();
        config.profile.url = "http://127.0.0.1:1".into();
        config.strategy.url = "http://127.0.0.1:1".into();
        let store = Store::open::<Migrator>(&database).await.unwrap();
        let keys = Arc::new(Keys::generate().0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(config, keys.clone(), listener, async { drop(stopped.await) });
        let served = tokio::spawn(async { serving.await.unwrap() });
        let channel = Channel::from_shared(url).unwrap().connect_lazy();
        let client = ReviewServiceClient::new(channel.clone());
        Self { client, channel, store, keys, stop: Some(stop), served, _folder: Box::new(folder) }
    }

    fn request_as<T>(&self, tenant: &str, role: &str, message: T) -> Request<T> {
        let token = self.keys.sign(&Claims::user("mei", tenant, &[role], "/", clock::system_now()));
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    fn request<T>(&self, message: T) -> Request<T> {
        self.request_as("bank", "analyst", message)
    }

    async fn create(&self, request_id: &str, spec: pb::ReviewSpec) -> Result<pb::Review, Status> {
        let message = pb::CreateReviewRequest { request_id: request_id.into(), spec: Some(spec) };
        Ok(self.client.clone().create_review(self.request(message)).await?.into_inner().review.unwrap())
    }

    async fn apply_decisions(&self, changes: Vec<strategy::DecisionChange>) {
        use strategy::watch_decisions_response::Item;
        let response = |change| strategy::WatchDecisionsResponse { item: Some(Item::Change(change)) };
        let batch: Vec<_> = changes.into_iter().map(response).collect();
        let tx = self.store.begin().await.unwrap();
        consume::apply_decisions(&tx, &batch).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn apply_profiles(&self, changes: Vec<profile::ProfileChange>) {
        use profile::watch_profiles_response::Item;
        let response = |change| profile::WatchProfilesResponse { item: Some(Item::Change(change)) };
        let batch: Vec<_> = changes.into_iter().map(response).collect();
        let tx = self.store.begin().await.unwrap();
        consume::apply_profiles(&tx, &batch).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Ten customers in arm a, ten in b, ten in the control c; the first five, three and two of them buy.
    async fn campaign(&self) {
        let arms = [("a", 0..10, 5), ("b", 10..20, 3), ("c", 20..30, 2)];
        // Outcomes first: the order of the two feeds is arbitrary.
        for (_, customers, buyers) in arms.clone() {
            self.apply_profiles(customers.take(buyers).map(|i| bought(i, 1500)).collect()).await;
        }
        for (arm, customers, _) in arms {
            self.apply_decisions(customers.map(|i| assigned(i, arm)).collect()).await;
        }
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.await.unwrap();
    }
}

fn start() -> DateTime<Utc> {
    "2026-03-01T02:00:00Z".parse().unwrap()
}

fn header(customer: u32) -> Header {
    Header {
        tenant_id: "bank".into(),
        customer_id: format!("C-{customer}"),
        customer_key: format!("k{customer}"),
        owner_path: "/hq/east".into(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        ..Header::default()
    }
}

fn bought(customer: u32, amount_minor: i64) -> profile::ProfileChange {
    let outcome = profile::Outcome {
        source: "shop".into(),
        source_id: format!("e{customer}"),
        r#type: "spend".into(),
        amount_minor,
        occur_time: Some(clock::timestamp(start() + TimeDelta::days(1))),
    };
    profile::ProfileChange {
        header: Some(header(customer)),
        change: Some(profile::profile_change::Change::Outcome(outcome)),
    }
}

fn assigned(customer: u32, arm: &str) -> strategy::DecisionChange {
    let assigned = strategy::Assigned {
        experiment_id: "mail".into(),
        arm: arm.into(),
        intended_share: 1.0 / 3.0,
        is_control: arm == "c",
        assign_time: Some(clock::timestamp(start())),
    };
    decision_change(customer, strategy::decision_change::Change::Assigned(assigned))
}

fn exposed(customer: u32, universal_held: bool, strategy_held: bool) -> strategy::DecisionChange {
    let exposure = strategy::Exposure {
        strategy_id: "s".into(),
        universal_held,
        universal_share: 0.2,
        strategy_held,
        strategy_share: 0.25,
        propensity: 1.0,
        channel_id: "app".into(),
    };
    let made = strategy::Exposures {
        decision_id: format!("d{customer}"),
        decide_time: Some(clock::timestamp(start())),
        exposures: vec![exposure],
    };
    decision_change(customer, strategy::decision_change::Change::Exposures(made))
}

fn decision_change(customer: u32, change: strategy::decision_change::Change) -> strategy::DecisionChange {
    strategy::DecisionChange { header: Some(header(customer)), change: Some(change) }
}

fn of_experiment(arm: &str, against: &str, metric: pb::Metric) -> pb::ReviewSpec {
    let subject = pb::ExperimentSubject { experiment_id: "mail".into(), arm: arm.into(), against: against.into() };
    pb::ReviewSpec {
        subject: Some(Subject::Experiment(subject)),
        event_type: "spend".into(),
        metric: metric.into(),
        window_days: 14,
        confidence: 0.0,
    }
}

fn of_strategy(holdout: pb::Holdout) -> pb::ReviewSpec {
    let subject = pb::StrategySubject { strategy_id: "s".into(), holdout: holdout.into() };
    pb::ReviewSpec { subject: Some(Subject::Strategy(subject)), ..of_experiment("a", "", pb::Metric::Rate) }
}

fn fields(status: &Status) -> Vec<String> {
    field_faults(status).into_iter().map(|fault| fault.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_is_measured_against_the_control_and_against_another() {
    let suite = Suite::start().await;
    suite.campaign().await;
    let review = suite.create("r1", of_experiment("a", "", pb::Metric::Amount)).await.unwrap();
    let (treatment, control) = (review.treatment.clone().unwrap(), review.control.clone().unwrap());
    assert_eq!((treatment.arm.as_str(), treatment.customers, treatment.mean), ("a", 10, 750.0));
    assert_eq!((control.arm.as_str(), control.customers, control.mean), ("c", 10, 300.0));
    assert!((review.effect.unwrap().difference - 450.0).abs() < 1e-9);
    assert!(review.sample_ratio.unwrap().sound);
    assert_eq!(review.spec.as_ref().unwrap().confidence, 0.95);
    assert_eq!(review.creator, "mei");
    let other = suite.create("r2", of_experiment("a", "b", pb::Metric::Rate)).await.unwrap();
    assert_eq!(other.control.unwrap().arm, "b");
    assert!((other.effect.unwrap().difference - 0.2).abs() < 1e-12);
    let read = pb::GetReviewRequest { review_id: review.review_id.clone() };
    let read = suite.client.clone().get_review(suite.request(read)).await.unwrap().into_inner();
    assert_eq!(read.review, Some(review));
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_is_measured_against_either_holdout() {
    let suite = Suite::start().await;
    let decided = (0..100).map(|i| exposed(i, i % 5 == 0, i % 4 == 0)).collect();
    suite.apply_decisions(decided).await;
    suite.apply_profiles((0..50).map(|i| bought(i, 1)).collect()).await;
    let universal = suite.create("r1", of_strategy(pb::Holdout::Universal)).await.unwrap();
    // Of every fifth, every fourth is left alone by the strategy too, and in neither arm.
    assert_eq!(universal.control.unwrap().customers, 15);
    assert_eq!(universal.treatment.unwrap().arm, "treated");
    assert!((universal.sample_ratio.unwrap().expected_share - 0.8).abs() < 1e-12);
    let strategy = suite.create("r2", of_strategy(pb::Holdout::Strategy)).await.unwrap();
    assert_eq!((strategy.treatment.unwrap().customers, strategy.control.unwrap().customers), (60, 20));
    assert!((strategy.sample_ratio.unwrap().expected_share - 0.75).abs() < 1e-12);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_alike() {
    let suite = Suite::start().await;
    suite.campaign().await;
    let first = suite.create("r1", of_experiment("a", "", pb::Metric::Rate)).await.unwrap();
    suite.apply_decisions(vec![assigned(99, "a")]).await;
    assert_eq!(suite.create("r1", of_experiment("b", "", pb::Metric::Count)).await.unwrap(), first);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_is_named() {
    let suite = Suite::start().await;
    let spec = pb::ReviewSpec {
        subject: Some(Subject::Strategy(pb::StrategySubject::default())),
        event_type: "Spend!".into(),
        metric: 99,
        window_days: -1,
        confidence: 1.0,
    };
    let status = suite.create(&"r".repeat(65), spec).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, Some(ErrorReason::InvalidField)));
    let expected = [
        "request_id",
        "spec.strategy.strategy_id",
        "spec.strategy.holdout",
        "spec.event_type",
        "spec.metric",
        "spec.window_days",
        "spec.confidence",
    ];
    assert_eq!(fields(&status), expected);
    let status = suite.create("r", pb::ReviewSpec { subject: None, ..of_strategy(pb::Holdout::Universal) }).await;
    assert_eq!(fields(&status.unwrap_err()), ["spec.subject"]);
    let status = suite.create("r", of_experiment("a", "a", pb::Metric::Rate)).await.unwrap_err();
    assert_eq!(fields(&status), ["spec.experiment.against"]);
    let status = suite.client.clone().create_review(suite.request(pb::CreateReviewRequest::default())).await;
    assert_eq!(fields(&status.unwrap_err()), ["request_id", "spec"]);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_of_fewer_than_two_customers_is_not_measured() {
    let suite = Suite::start().await;
    suite.campaign().await;
    suite.apply_decisions(vec![assigned(50, "tiny")]).await;
    for arm in ["tiny", "nobody"] {
        let status = suite.create("r1", of_experiment(arm, "", pb::Metric::Rate)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    }
    let status = suite.create("r1", of_experiment("c", "", pb::Metric::Rate)).await.unwrap_err();
    assert_eq!(fields(&status), ["spec.experiment.arm"]);
    let none = suite.client.clone().list_reviews(suite.request(pb::ListReviewsRequest::default())).await.unwrap();
    assert!(none.into_inner().reviews.is_empty());
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_review_is_not_found() {
    let suite = Suite::start().await;
    suite.campaign().await;
    let review = suite.create("r1", of_experiment("a", "", pb::Metric::Rate)).await.unwrap();
    let mut client = suite.client.clone();
    for (tenant, review_id) in [("other", review.review_id.as_str()), ("bank", "nonsense")] {
        let asked = suite.request_as(tenant, "analyst", pb::GetReviewRequest { review_id: review_id.into() });
        let status = client.get_review(asked).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, Some(ErrorReason::NotFound)));
    }
    let theirs = client.list_reviews(suite.request_as("other", "analyst", pb::ListReviewsRequest::default())).await;
    assert!(theirs.unwrap().into_inner().reviews.is_empty());
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_listed_newest_first() {
    let suite = Suite::start().await;
    suite.campaign().await;
    let mut made = Vec::new();
    for i in 0..5 {
        let review = suite.create(&format!("r{i}"), of_experiment("a", "", pb::Metric::Rate)).await.unwrap();
        made.insert(0, review.review_id);
    }
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = pb::ListReviewsRequest { page_size: 2, page_token };
        let page = suite.client.clone().list_reviews(suite.request(page)).await.unwrap().into_inner();
        listed.extend(page.reviews.into_iter().map(|review| review.review_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, made);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arms_are_counted_page_by_page() {
    let suite = Suite::start().await;
    suite.campaign().await;
    let decided = [(1, false, false), (2, true, false), (3, false, true), (4, true, true), (5, false, false)];
    suite.apply_decisions(decided.map(|(i, all, own)| exposed(i, all, own)).to_vec()).await;
    let mut client = suite.client.clone();
    let first = pb::ListArmsRequest { page_size: 4, page_token: String::new() };
    let first = client.list_arms(suite.request(first)).await.unwrap().into_inner();
    let rest = pb::ListArmsRequest { page_size: 4, page_token: first.next_page_token.clone() };
    let rest = client.list_arms(suite.request(rest)).await.unwrap().into_inner();
    assert_eq!(rest.next_page_token, "");
    let arms: Vec<_> =
        first.arms.iter().chain(&rest.arms).map(|a| (a.subject.as_str(), a.arm.as_str(), a.customers)).collect();
    let expected = [
        ("experiment:mail", "a", 10),
        ("experiment:mail", "b", 10),
        ("experiment:mail", "c", 10),
        ("strategy:s", "held_both", 1),
        ("strategy:s", "held_strategy", 1),
        ("strategy:s", "held_universal", 1),
        ("strategy:s", "treated", 2),
    ];
    assert_eq!(arms, expected);
    let stray = pb::ListReviewsRequest { page_size: 2, page_token: first.next_page_token };
    let status = client.list_reviews(suite.request(stray)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, Some(ErrorReason::InvalidPageToken)));
    let large = pb::ListArmsRequest { page_size: 1001, page_token: String::new() };
    assert_eq!(fields(&client.list_arms(suite.request(large)).await.unwrap_err()), ["page_size"]);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_need_a_token_and_the_permission() {
    let suite = Suite::start().await;
    let mut client = suite.client.clone();
    let status = client.list_arms(pb::ListArmsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, Some(ErrorReason::Unauthenticated)));
    let asked = suite.request_as("bank", "auditor", pb::CreateReviewRequest::default());
    let status = client.create_review(asked).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, Some(ErrorReason::NoPermission)));
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_feeds_are_told_of() {
    let suite = Suite::start().await;
    let mut client = FeedServiceClient::new(suite.channel.clone());
    let asked = suite.request_as("bank", "auditor", GetFeedStatusRequest {});
    let consumers = client.get_feed_status(asked).await.unwrap().into_inner().consumers;
    let feeds: Vec<_> = consumers.iter().map(|consumer| (consumer.feed.as_str(), consumer.applied)).collect();
    assert_eq!(feeds, [("profile", 0), ("strategy", 0)]);
    suite.stop().await;
}
