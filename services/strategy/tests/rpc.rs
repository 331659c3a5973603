//! Every RPC through a real client: success once, each documented error once. Decide itself needs segment and is told
//! in the stories over the suite; the decisions read here are made through the store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bank;

use std::{path::PathBuf, sync::Arc, time::Duration};

use bank::TENANT;
use chrono::TimeDelta;
use futures::StreamExt as _;
use huan_chassis::{
    client::{self, Channel},
    clock, config,
    error::{field_faults, reason},
    store::{Store as Database, test},
    token::{Claims, Keys},
    vault::Vault,
};
use huan_proto::{
    error::v1::ErrorReason as Reason,
    feed::v1::{GetFeedStatusRequest, feed_service_client::FeedServiceClient},
    strategy::v1::{
        self as pb, assignment_service_client::AssignmentServiceClient, channel_service_client::ChannelServiceClient,
        decision_change::Change, decision_service_client::DecisionServiceClient, map_service_client::MapServiceClient,
        objective_service_client::ObjectiveServiceClient, product_service_client::ProductServiceClient,
        script_service_client::ScriptServiceClient, strategy_service_client::StrategyServiceClient,
        watch_decisions_response::Item,
    },
};
use huan_strategy::{
    Config, DEFAULTS, NAME, holdout_key,
    map::Known,
    serve,
    store::{Store, batch::Outcome, decide::Deciding},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{Code, Request, Status};

const DEADLINE: Duration = Duration::from_secs(20);

/// A running service, and callers of all sorts.
struct House {
    keys: Arc<Keys>,
    channel: Channel,
    db: Database,
    store: Store,
    key_file: PathBuf,
    _folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    served: JoinHandle<huan_chassis::Result<()>>,
}

impl House {
    async fn open() -> House {
        let (folder, database) = test::sqlite_file();
        let mut config: Config = config::load(NAME, DEFAULTS, None).unwrap();
        config.database = database.clone();
        let url = format!("sqlite://{}/keys/keys.db", folder.path().display());
        config.keys = config::Keys { url, ..test::keys() };
        let vault = Vault::open(&config.keys).await.unwrap();
        config.holdout.key_file = folder.path().join("secrets/holdout.key");
        // Nobody listens there: profile's feed is fed by hand, and segment is away.
        config.profile.url = "http://127.0.0.1:1".into();
        config.segment.url = "http://127.0.0.1:1".into();
        config.feed.poll_millis = 20;
        let key_file = config.holdout.key_file.clone();
        let keys = Arc::new(Keys::generate().0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(config, keys.clone(), listener, async move { drop(stopped.await) }));
        let upstream = config::Upstream { url, timeout_millis: 20_000 };
        let channel = client::connect_lazy(&upstream, keys.clone(), "test").await.unwrap();
        ready(&keys, &channel).await;
        // The same file by another handle: what the feed would bring, and decisions.
        let db = Database::new(huan_chassis::store::connect(&database).await.unwrap()).with_vault(vault);
        let store = Store::new(db.clone(), holdout_key(&key_file).unwrap(), 16, TimeDelta::minutes(60));
        bank::fill(&db, &["c-1", "c-2", "c-3"]).await;
        House { keys, channel, db, store, key_file, _folder: folder, stop, served }
    }

    async fn close(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    fn service<T>(&self, message: T) -> Request<T> {
        client::as_service(&self.keys, "test", Some(TENANT), message)
    }

    fn user<T>(&self, name: &str, roles: &[&str], path: &str, message: T) -> Request<T> {
        let token = self.keys.sign(&Claims::user(name, TENANT, roles, path, clock::system_now()));
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    fn maker<T>(&self, message: T) -> Request<T> {
        self.user("maker", &["strategist", "approver"], "/", message)
    }

    fn checker<T>(&self, message: T) -> Request<T> {
        self.user("checker", &["approver"], "/", message)
    }

    fn branch<T>(&self, message: T) -> Request<T> {
        self.user("branch", &["strategist", "approver"], "/hq/east", message)
    }

    fn strategies(&self) -> StrategyServiceClient<Channel> {
        StrategyServiceClient::new(self.channel.clone())
    }

    fn decisions(&self) -> DecisionServiceClient<Channel> {
        DecisionServiceClient::new(self.channel.clone())
    }

    fn scripts(&self) -> ScriptServiceClient<Channel> {
        ScriptServiceClient::new(self.channel.clone())
    }

    async fn create(&self, strategy: pb::Strategy) -> Result<pb::Strategy, Status> {
        let request_id = format!("create-{}", strategy.strategy_id);
        let message = pb::CreateStrategyRequest { request_id, strategy: Some(strategy) };
        Ok(self.strategies().create_strategy(self.maker(message)).await?.into_inner().strategy.unwrap())
    }

    async fn submit(&self, strategy: &pb::Strategy) -> Result<pb::Strategy, Status> {
        let message =
            pb::SubmitStrategyRequest { strategy_id: strategy.strategy_id.clone(), revision: strategy.revision };
        Ok(self.strategies().submit_strategy(self.maker(message)).await?.into_inner().strategy.unwrap())
    }

    async fn judge(&self, strategy: &pb::Strategy, approve: bool) -> Result<pb::Strategy, Status> {
        let message = judge(strategy, approve);
        Ok(self.strategies().judge_strategy(self.checker(message)).await?.into_inner().strategy.unwrap())
    }

    async fn moved(&self, strategy_id: &str, state: pb::StrategyState) -> Result<pb::Strategy, Status> {
        let get = pb::GetStrategyRequest { strategy_id: strategy_id.into() };
        let strategy = self.strategies().get_strategy(self.checker(get)).await?.into_inner().strategy.unwrap();
        let message = pb::MoveStrategyRequest {
            strategy_id: strategy_id.into(),
            revision: strategy.revision,
            state: state as i32,
        };
        Ok(self.strategies().move_strategy(self.checker(message)).await?.into_inner().strategy.unwrap())
    }

    /// Puts the whole catalogue and two approved strategies there, and publishes them. Segment's word is given by hand.
    async fn publish(&self) -> pb::Map {
        self.catalogue().await;
        for strategy in [bank::strategy("s_one", 100), bank::strategy("s_two", 80)] {
            let created = self.create(strategy).await.unwrap();
            self.judge(&self.submit(&created).await.unwrap(), true).await.unwrap();
        }
        let row = self.store.publish_map(TENANT, "checker", policy(), &known()).await.unwrap();
        huan_strategy::convert::map::message(row).unwrap()
    }

    async fn catalogue(&self) {
        let objective = pb::Objective {
            objective_id: "scale".into(),
            display_name: "规模".into(),
            kind: pb::ObjectiveKind::Scale as i32,
            revision: 0,
        };
        let mut objectives = ObjectiveServiceClient::new(self.channel.clone());
        let put = pb::PutObjectiveRequest { objective: Some(objective) };
        assert_eq!(
            objectives.put_objective(self.maker(put)).await.unwrap().into_inner().objective.unwrap().revision,
            1
        );
        let product = pb::Product {
            product_id: "deposit".into(),
            display_name: "Deposit".into(),
            risk_level: 1,
            ..Default::default()
        };
        let mut products = ProductServiceClient::new(self.channel.clone());
        products.put_product(self.maker(pb::PutProductRequest { product: Some(product) })).await.unwrap();
        for id in ["app", "sms"] {
            let channel = pb::Channel { channel_id: id.into(), display_name: id.into(), ..Default::default() };
            let mut channels = ChannelServiceClient::new(self.channel.clone());
            channels.put_channel(self.maker(pb::PutChannelRequest { channel: Some(channel) })).await.unwrap();
            let put = self.maker(pb::PutScriptRequest { script: Some(script(id)) });
            let script = self.scripts().put_script(put).await.unwrap().into_inner().script.unwrap();
            assert!(!script.signed);
            let sign = pb::SignScriptRequest { script_id: script.script_id, revision: script.revision };
            assert!(self.scripts().sign_script(self.checker(sign)).await.unwrap().into_inner().script.unwrap().signed);
        }
    }

    /// Decides through the store, as Decide does once segment has answered.
    async fn decided(&self, request_id: &str, customer_id: &str) -> String {
        let job = bank::job(self.store.published(TENANT).await.unwrap(), request_id, customer_id);
        let deciding = Deciding::new(self.db.clone(), holdout_key(&self.key_file).unwrap(), TimeDelta::minutes(60));
        match deciding.decide_batch(&[job]).await.unwrap().remove(0) {
            Ok(Outcome::Decided(decided)) => decided.decision_id,
            other => panic!("{other:?}"),
        }
    }

    async fn respond(&self, decision_id: &str, strategy_id: &str, kind: pb::ResponseKind) -> Result<(), Status> {
        let message = told(&format!("{kind:?}-{decision_id}"), decision_id, strategy_id, kind);
        self.decisions().record_response(self.service(message)).await.map(drop)
    }
}

// The connection waits in the listener until the service has opened its store.
async fn ready(keys: &Keys, channel: &Channel) {
    let request = client::as_service(keys, "test", None, GetFeedStatusRequest {});
    let answer = FeedServiceClient::new(channel.clone()).get_feed_status(request).await;
    assert_eq!(answer.unwrap().into_inner().consumers[0].feed, "profile");
}

fn judge(strategy: &pb::Strategy, approve: bool) -> pb::JudgeStrategyRequest {
    pb::JudgeStrategyRequest {
        strategy_id: strategy.strategy_id.clone(),
        revision: strategy.revision,
        approve,
        comment: "looks good".into(),
    }
}

fn told(request_id: &str, decision_id: &str, strategy_id: &str, kind: pb::ResponseKind) -> pb::RecordResponseRequest {
    pb::RecordResponseRequest {
        request_id: request_id.into(),
        decision_id: decision_id.into(),
        strategy_id: strategy_id.into(),
        kind: kind as i32,
    }
}

fn script(channel: &str) -> pb::Script {
    pb::Script {
        script_id: format!("on_{channel}"),
        channel_id: channel.into(),
        text: "You have {balance}".into(),
        ..Default::default()
    }
}

fn policy() -> pb::Policy {
    pb::Policy { cap: 10, cap_window_days: 30, ..Default::default() }
}

fn known() -> Known {
    Known { memberships: ["m".into()].into(), features: ["balance".into()].into() }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, why: Reason) -> Vec<String> {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (code, Some(why)), "{status:?}");
    field_faults(&status).into_iter().map(|fault| fault.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_put_and_listed() {
    let house = House::open().await;
    house.catalogue().await;
    let mut channels = ChannelServiceClient::new(house.channel.clone());
    let list = |size, token: &str| house.maker(pb::ListChannelsRequest { page_size: size, page_token: token.into() });
    let first = channels.list_channels(list(1, "")).await.unwrap().into_inner();
    let second = channels.list_channels(list(1, &first.next_page_token)).await.unwrap().into_inner();
    assert_eq!((first.channels[0].channel_id.as_str(), second.channels[0].channel_id.as_str()), ("app", "sms"));
    assert_eq!(second.next_page_token, "");
    refused(channels.list_channels(list(-1, "")).await, Code::InvalidArgument, Reason::InvalidField);

    let mut objectives = ObjectiveServiceClient::new(house.channel.clone());
    let of_others = pb::ListObjectivesRequest { page_size: 1, page_token: first.next_page_token };
    let answer = objectives.list_objectives(house.maker(of_others)).await;
    refused(answer, Code::InvalidArgument, Reason::InvalidPageToken);
    let listed = objectives.list_objectives(house.maker(pb::ListObjectivesRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().objectives.len(), 1);
    let mut products = ProductServiceClient::new(house.channel.clone());
    let listed = products.list_products(house.maker(pb::ListProductsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().products[0].product_id, "deposit");
    let listed = house.scripts().list_scripts(house.maker(pb::ListScriptsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().scripts.len(), 2);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_catalogue_entries_are_refused_by_field() {
    let house = House::open().await;
    let channel = pb::Channel {
        channel_id: "SMS".into(),
        daily_capacity: -1,
        open_minute: 1440,
        close_minute: 10,
        ..Default::default()
    };
    let mut channels = ChannelServiceClient::new(house.channel.clone());
    let answer = channels.put_channel(house.maker(pb::PutChannelRequest { channel: Some(channel) })).await;
    let fields = refused(answer, Code::InvalidArgument, Reason::InvalidField);
    let expected =
        ["channel_id", "display_name", "daily_capacity", "open_minute", "close_minute"].map(|f| format!("channel.{f}"));
    assert_eq!(fields, expected);
    let mut products = ProductServiceClient::new(house.channel.clone());
    let answer = products.put_product(house.maker(pb::PutProductRequest { product: None })).await;
    assert_eq!(refused(answer, Code::InvalidArgument, Reason::InvalidField), ["product"]);
    let mut objectives = ObjectiveServiceClient::new(house.channel.clone());
    let objective = pb::Objective { objective_id: "a".into(), display_name: "A".into(), kind: 77, revision: 0 };
    let answer = objectives.put_objective(house.maker(pb::PutObjectiveRequest { objective: Some(objective) })).await;
    assert_eq!(refused(answer, Code::InvalidArgument, Reason::InvalidField), ["objective.kind"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_signed_by_another_than_its_writer() {
    let house = House::open().await;
    let put = |text: &str| pb::PutScriptRequest { script: Some(pb::Script { text: text.into(), ..script("app") }) };
    let sign = |revision| pb::SignScriptRequest { script_id: "on_app".into(), revision };
    let mut scripts = house.scripts();
    refused(scripts.sign_script(house.checker(sign(1))).await, Code::NotFound, Reason::NotFound);
    scripts.put_script(house.maker(put("one"))).await.unwrap();
    refused(scripts.sign_script(house.maker(sign(1))).await, Code::PermissionDenied, Reason::OwnWork);
    refused(scripts.sign_script(house.checker(sign(2))).await, Code::Aborted, Reason::StaleRevision);
    scripts.sign_script(house.checker(sign(1))).await.unwrap();
    let again = scripts.put_script(house.maker(put("two"))).await.unwrap().into_inner().script.unwrap();
    assert_eq!((again.signed, again.revision), (false, 2));
    refused(scripts.put_script(house.maker(put(""))).await, Code::InvalidArgument, Reason::InvalidField);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_is_approved_by_another_than_its_maker() {
    let house = House::open().await;
    let created = house.create(bank::strategy("s_one", 100)).await.unwrap();
    assert_eq!((created.state(), created.maker.as_str()), (pb::StrategyState::Draft, "maker"));
    assert_eq!(house.create(bank::strategy("s_one", 100)).await.unwrap(), created, "the same request again");
    let again = pb::CreateStrategyRequest { request_id: "other".into(), strategy: Some(bank::strategy("s_one", 1)) };
    let answer = house.strategies().create_strategy(house.maker(again)).await;
    refused(answer, Code::AlreadyExists, Reason::AlreadyExists);
    refused(house.judge(&created, true).await, Code::FailedPrecondition, Reason::WrongState);
    let submitted = house.submit(&created).await.unwrap();
    refused(house.submit(&created).await, Code::Aborted, Reason::StaleRevision);
    let own = house.strategies().judge_strategy(house.maker(judge(&submitted, true))).await;
    refused(own, Code::PermissionDenied, Reason::OwnWork);
    let approved = house.judge(&submitted, true).await.unwrap();
    assert_eq!((approved.state(), approved.checker.as_str()), (pb::StrategyState::Approved, "checker"));

    let update = pb::UpdateStrategyRequest { strategy: Some(approved) };
    let updated = house.strategies().update_strategy(house.maker(update)).await.unwrap().into_inner().strategy.unwrap();
    assert_eq!((updated.state(), updated.checker.as_str()), (pb::StrategyState::Draft, ""));
    let retired = house.moved("s_one", pb::StrategyState::Retired).await.unwrap();
    let update = pb::UpdateStrategyRequest { strategy: Some(retired) };
    let answer = house.strategies().update_strategy(house.maker(update)).await;
    refused(answer, Code::FailedPrecondition, Reason::WrongState);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_are_got_and_listed_by_state() {
    let house = House::open().await;
    for id in ["a", "b", "c"] {
        house.create(bank::strategy(id, 100)).await.unwrap();
    }
    let list = |state, size, token: &str| {
        house.maker(pb::ListStrategiesRequest { state, page_size: size, page_token: token.into() })
    };
    let page = house.strategies().list_strategies(list(1, 2, "")).await.unwrap().into_inner();
    assert_eq!(page.strategies.len(), 2);
    let rest = house.strategies().list_strategies(list(1, 2, &page.next_page_token)).await.unwrap().into_inner();
    assert_eq!(rest.strategies[0].strategy_id, "c");
    let answer = house.strategies().list_strategies(list(2, 2, &page.next_page_token)).await;
    refused(answer, Code::InvalidArgument, Reason::InvalidPageToken);
    let none = house.strategies().list_strategies(list(2, 0, "")).await.unwrap().into_inner();
    assert!(none.strategies.is_empty());
    let get = pb::GetStrategyRequest { strategy_id: "nothing".into() };
    refused(house.strategies().get_strategy(house.maker(get)).await, Code::NotFound, Reason::NotFound);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_strategy_is_refused_by_field() {
    let house = House::open().await;
    let bad = pb::Strategy {
        owner_path: "hq".into(),
        audience: Some(pb::Audience::default()),
        scenario: None,
        channels: Vec::new(),
        value: Some(pb::ExpectedValue { propensity: f64::NAN, lever: 11.0, ..Default::default() }),
        cap: 1,
        holdout_share: 0.6,
        ..bank::strategy("s_one", 100)
    };
    let fields = refused(house.create(bad).await, Code::InvalidArgument, Reason::InvalidField);
    let expected = [
        "owner_path",
        "audience.any_of",
        "scenario",
        "channels",
        "value.propensity",
        "value.lever",
        "cap_window_days",
        "holdout_share",
    ];
    assert_eq!(fields, expected.map(|field| format!("strategy.{field}")));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_branchs_strategy_is_out_of_scope() {
    let house = House::open().await;
    let create = pb::CreateStrategyRequest { request_id: "r".into(), strategy: Some(bank::strategy("s_one", 100)) };
    let answer = house.strategies().create_strategy(house.user("east", &["strategist"], "/hq/east", create)).await;
    refused(answer, Code::PermissionDenied, Reason::OutOfScope);
    let created = house.create(bank::strategy("s_one", 100)).await.unwrap();
    let message = pb::SubmitStrategyRequest { strategy_id: "s_one".into(), revision: created.revision };
    let request = house.user("east", &["strategist"], "/hq/east", message);
    refused(house.strategies().submit_strategy(request).await, Code::PermissionDenied, Reason::OutOfScope);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_whole_banks_is_out_of_a_branchs_scope() {
    fn out_of_scope<T: std::fmt::Debug>(answer: Result<T, Status>) {
        refused(answer, Code::PermissionDenied, Reason::OutOfScope);
    }
    let house = House::open().await;
    let mut objectives = ObjectiveServiceClient::new(house.channel.clone());
    out_of_scope(objectives.put_objective(house.branch(pb::PutObjectiveRequest::default())).await);
    let mut products = ProductServiceClient::new(house.channel.clone());
    out_of_scope(products.put_product(house.branch(pb::PutProductRequest::default())).await);
    let mut channels = ChannelServiceClient::new(house.channel.clone());
    out_of_scope(channels.put_channel(house.branch(pb::PutChannelRequest::default())).await);
    out_of_scope(house.scripts().put_script(house.branch(pb::PutScriptRequest::default())).await);
    out_of_scope(house.scripts().sign_script(house.branch(pb::SignScriptRequest::default())).await);
    let mut maps = MapServiceClient::new(house.channel.clone());
    out_of_scope(maps.publish_map(house.branch(pb::PublishMapRequest::default())).await);
    let put = house.service(pb::PutScriptRequest { script: Some(script("app")) });
    house.scripts().put_script(put).await.unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_published_once_and_read_by_version() {
    let house = House::open().await;
    let mut maps = MapServiceClient::new(house.channel.clone());
    let get = |version: &str| house.checker(pb::GetMapRequest { version: version.into() });
    refused(maps.get_map(get("")).await, Code::NotFound, Reason::NotFound);
    let map = house.publish().await;
    assert_eq!(maps.get_map(get(&map.version)).await.unwrap().into_inner().map.unwrap(), map);
    let content = map.content.clone().unwrap();
    assert_eq!((content.features, content.memberships), (vec!["balance".to_owned()], vec!["m".to_owned()]));
    let again = house.store.publish_map(TENANT, "checker", policy(), &known()).await.unwrap();
    assert_eq!((again.version, again.number), (map.version, 1));
    let other = pb::Policy { cap: 9, ..policy() };
    assert_eq!(house.store.publish_map(TENANT, "checker", other, &known()).await.unwrap().number, 2);
    let publish = pb::PublishMapRequest { policy: Some(pb::Policy::default()) };
    let fields = refused(maps.publish_map(house.checker(publish)).await, Code::InvalidArgument, Reason::InvalidField);
    assert_eq!(fields, ["policy.cap", "policy.cap_window_days"]);
    let publish = pb::PublishMapRequest { policy: Some(policy()) };
    refused(maps.publish_map(house.checker(publish)).await, Code::Unavailable, Reason::Dependency);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_map_names_every_fault() {
    let house = House::open().await;
    house.catalogue().await;
    let broken = pb::Strategy {
        objective_id: "nothing".into(),
        product_id: "nothing".into(),
        channels: vec![pb::ChannelPlan { channel_id: "sms".into(), script_id: "on_app".into() }],
        value: Some(pb::ExpectedValue { feature: "gone".into(), ..Default::default() }),
        audience: Some(pb::Audience { any_of: vec!["x".into()], none_of: vec!["m".into()] }),
        ..bank::strategy("s_one", 100)
    };
    let created = house.create(broken).await.unwrap();
    house.judge(&house.submit(&created).await.unwrap(), true).await.unwrap();
    let mut unsigned = script("sms");
    unsigned.text = "another version".into();
    house.scripts().put_script(house.maker(pb::PutScriptRequest { script: Some(unsigned) })).await.unwrap();
    let known = Known { memberships: ["m".into()].into(), ..Default::default() };
    let record = pb::Policy { record_features: vec!["city".into()], ..policy() };
    let answer = house.store.publish_map(TENANT, "checker", record, &known).await.map_err(Status::from);
    let fields = refused(answer, Code::FailedPrecondition, Reason::BrokenMap);
    let expected = [
        "strategies[s_one].objective_id",
        "strategies[s_one].product_id",
        "strategies[s_one].audience.any_of[0]",
        "strategies[s_one].value.feature",
        "strategies[s_one].channels[0].script_id",
        "scripts[on_app].text",
        "policy.record_features[0]",
    ];
    assert_eq!(fields, expected);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_at_once_and_a_resumption_too() {
    let house = House::open().await;
    house.publish().await;
    let strategies = async |request: &str| {
        let id = house.decided(request, "c-1").await;
        let explain = pb::ExplainDecisionRequest { decision_id: id };
        let answer = house.decisions().explain_decision(house.service(explain)).await.unwrap();
        answer.into_inner().decision.unwrap().strategy_ids
    };
    assert_eq!(strategies("r-1").await, ["s_one"]);
    house.moved("s_one", pb::StrategyState::Paused).await.unwrap();
    house.store.forget_published(TENANT);
    assert_eq!(strategies("r-2").await, ["s_two"]);
    refused(house.moved("s_one", pb::StrategyState::Paused).await, Code::FailedPrecondition, Reason::WrongState);
    house.moved("s_one", pb::StrategyState::Live).await.unwrap();
    house.store.forget_published(TENANT);
    assert_eq!(strategies("r-3").await, ["s_one"]);

    let get = pb::GetStrategyRequest { strategy_id: "s_one".into() };
    let live = house.strategies().get_strategy(house.checker(get)).await.unwrap().into_inner().strategy;
    house.strategies().update_strategy(house.maker(pb::UpdateStrategyRequest { strategy: live })).await.unwrap();
    assert_eq!(strategies("r-4").await, ["s_one"], "the published version runs while the next is written");
    assert_eq!(house.moved("s_one", pb::StrategyState::Paused).await.unwrap().state(), pb::StrategyState::Draft);
    house.store.forget_published(TENANT);
    assert_eq!(strategies("r-5").await, ["s_two"]);
    assert_eq!(house.moved("s_one", pb::StrategyState::Live).await.unwrap().state(), pb::StrategyState::Draft);
    house.store.forget_published(TENANT);
    assert_eq!(strategies("r-6").await, ["s_one"]);
    house.create(bank::strategy("s_new", 100)).await.unwrap();
    refused(house.moved("s_new", pb::StrategyState::Paused).await, Code::FailedPrecondition, Reason::WrongState);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decide_names_its_faults() {
    let house = House::open().await;
    let decide = async |message| house.decisions().decide(house.service(message)).await;
    let good = pb::DecideRequest { request_id: "r".into(), customer_id: "c-1".into(), ..Default::default() };
    refused(decide(good.clone()).await, Code::FailedPrecondition, Reason::NoMap);
    house.publish().await;
    refused(decide(good.clone()).await, Code::Unavailable, Reason::Dependency);
    let bad = pb::DecideRequest {
        request_id: "r".repeat(65),
        max_picks: 11,
        trigger: Some(pb::Trigger::default()),
        channel_ids: vec!["!".into()],
        ..good
    };
    let fields = refused(decide(bad).await, Code::InvalidArgument, Reason::InvalidField);
    assert_eq!(fields, ["channel_ids[0]", "trigger.event_type", "max_picks", "request_id"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_listed_explained_and_replayed() {
    let house = House::open().await;
    let map = house.publish().await;
    let ids = [house.decided("r-1", "c-1").await, house.decided("r-2", "c-1").await];
    let list = async |size, token: &str| {
        let message = pb::ListDecisionsRequest { customer_id: "c-1".into(), page_size: size, page_token: token.into() };
        house.decisions().list_decisions(house.service(message)).await
    };
    let newest = list(1, "").await.unwrap().into_inner();
    assert_eq!(newest.decisions[0].decision_id, ids[1]);
    assert_eq!(newest.decisions[0].strategy_ids, ["s_one"]);
    let older = list(1, &newest.next_page_token).await.unwrap().into_inner();
    assert_eq!((older.decisions[0].decision_id.as_str(), older.next_page_token.as_str()), (ids[0].as_str(), ""));
    refused(list(1001, "").await, Code::InvalidArgument, Reason::InvalidField);

    let explain = pb::ExplainDecisionRequest { decision_id: ids[0].clone() };
    let told = house.decisions().explain_decision(house.service(explain)).await.unwrap().into_inner();
    assert_eq!(told.decision.unwrap().map_version, map.version);
    assert_eq!(told.candidates.iter().map(|c| c.stage()).filter(|s| *s == pb::Stage::Picked).count(), 1);
    assert_eq!((told.candidates.len(), told.features.len(), told.memberships), (4, 1, vec!["m".to_owned()]));

    let other = pb::Policy { cap: 1, ..policy() };
    house.store.publish_map(TENANT, "checker", other, &known()).await.unwrap();
    let replay = pb::ReplayDecisionRequest { decision_id: ids[0].clone() };
    let told = house.decisions().replay_decision(house.service(replay)).await.unwrap().into_inner();
    assert!(told.identical);
    assert_eq!((told.recorded_hash.len(), told.engine_version), (64, 1));
    assert_eq!(told.recorded_hash, told.replayed_hash);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_branchs_decision_is_out_of_scope() {
    let house = House::open().await;
    house.publish().await;
    let id = house.decided("r-1", "c-1").await;
    let explain = |decision_id: &str| pb::ExplainDecisionRequest { decision_id: decision_id.into() };
    let west = house.user("west", &["analyst"], "/other", explain(&id));
    refused(house.decisions().explain_decision(west).await, Code::PermissionDenied, Reason::OutOfScope);
    let west = house.user("west", &["analyst"], "/other", pb::ReplayDecisionRequest { decision_id: id.clone() });
    refused(house.decisions().replay_decision(west).await, Code::PermissionDenied, Reason::OutOfScope);
    let message = told("x", &id, "s_one", pb::ResponseKind::Delivered);
    let west = house.user("west", &["branch_manager"], "/other", message);
    refused(house.decisions().record_response(west).await, Code::PermissionDenied, Reason::OutOfScope);
    let list = pb::ListDecisionsRequest { customer_id: "c-1".into(), ..Default::default() };
    let west = house.user("west", &["analyst"], "/other", list);
    refused(house.decisions().list_decisions(west).await, Code::PermissionDenied, Reason::OutOfScope);
    let unknown = house.service(explain("nothing"));
    refused(house.decisions().explain_decision(unknown).await, Code::NotFound, Reason::NotFound);
    let replay = house.service(pb::ReplayDecisionRequest { decision_id: "nothing".into() });
    refused(house.decisions().replay_decision(replay).await, Code::NotFound, Reason::NotFound);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_confirms_or_frees_its_contact() {
    use huan_strategy::store::{contact, entity::contact as row};
    use sea_orm::EntityTrait as _;
    let house = House::open().await;
    house.publish().await;
    let state = async |id: &str| {
        let rows = row::Entity::find().all(house.db.read()).await.unwrap();
        rows.into_iter().find(|row| row.decision_id == id).unwrap().state
    };
    let (one, two) = (house.decided("r-1", "c-1").await, house.decided("r-2", "c-2").await);
    house.respond(&one, "s_one", pb::ResponseKind::Delivered).await.unwrap();
    house.respond(&one, "s_one", pb::ResponseKind::Delivered).await.unwrap();
    house.respond(&one, "s_one", pb::ResponseKind::Failed).await.unwrap();
    assert_eq!(state(&one).await, contact::CONFIRMED);
    house.respond(&two, "s_one", pb::ResponseKind::Failed).await.unwrap();
    assert_eq!(state(&two).await, contact::FREED);
    house.respond(&two, "s_one", pb::ResponseKind::Accepted).await.unwrap();
    assert_eq!(state(&two).await, contact::CONFIRMED);

    let answer = house.respond(&one, "s_two", pb::ResponseKind::Engaged).await;
    assert_eq!(refused(answer, Code::InvalidArgument, Reason::InvalidField), ["strategy_id"]);
    let unknown = house.service(told("x", "no", "s_one", pb::ResponseKind::Failed));
    let answer = house.decisions().record_response(unknown).await;
    refused(answer, Code::NotFound, Reason::NotFound);
    let unset = told("x", &one, "s_one", pb::ResponseKind::Unspecified);
    let answer = house.decisions().record_response(house.service(unset)).await;
    assert_eq!(refused(answer, Code::InvalidArgument, Reason::InvalidField), ["kind"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_pick_has_no_response() {
    let house = House::open().await;
    house.publish().await;
    let held = pb::Policy { universal_holdout_share: 0.5, ..policy() };
    house.store.publish_map(TENANT, "checker", held, &known()).await.unwrap();
    let mut answers = Vec::new();
    let ids: Vec<String> = (0..20).map(|n| format!("h-{n}")).collect();
    bank::fill(&house.db, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for id in &ids {
        let decision = house.decided(id, id).await;
        answers.push(house.respond(&decision, "s_one", pb::ResponseKind::Delivered).await);
    }
    let withheld = answers.into_iter().find(Result::is_err).expect("nobody of twenty is held out");
    refused(withheld, Code::FailedPrecondition, Reason::WrongState);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_are_taken_in_each_on_its_own() {
    let house = House::open().await;
    let mut client = AssignmentServiceClient::new(house.channel.clone());
    let create = |request_id: &str, share: f64| {
        let arm =
            |arm: &str, intended_share: f64, is_control: bool| pb::Arm { arm: arm.into(), intended_share, is_control };
        let experiment = pb::Experiment {
            experiment_id: "mail".into(),
            display_name: "Mail".into(),
            arms: vec![arm("mens", 0.5, false), arm("none", share, true)],
        };
        house.service(pb::CreateExperimentRequest { request_id: request_id.into(), experiment: Some(experiment) })
    };
    let answer = client.create_experiment(create("e-1", 0.4)).await;
    assert_eq!(refused(answer, Code::InvalidArgument, Reason::InvalidField), ["experiment.arms"]);
    let created = client.create_experiment(create("e-1", 0.5)).await.unwrap().into_inner();
    assert_eq!(client.create_experiment(create("e-1", 0.5)).await.unwrap().into_inner(), created);
    refused(client.create_experiment(create("e-2", 0.5)).await, Code::AlreadyExists, Reason::AlreadyExists);

    let row = |customer_id: &str, arm: &str| pb::Assignment {
        customer_id: customer_id.into(),
        arm: arm.into(),
        assign_time: Some(clock::timestamp(clock::system_now())),
    };
    let import = |experiment_id: &str, assignments: Vec<pb::Assignment>| {
        house.service(pb::ImportAssignmentsRequest { experiment_id: experiment_id.into(), assignments })
    };
    let rows =
        vec![row("c-1", "mens"), row("c-1", "none"), row("nobody", "none"), row("c-2", "other"), row("c-2", "none")];
    let answer = client.import_assignments(import("mail", rows)).await.unwrap().into_inner();
    assert_eq!((answer.accepted, answer.duplicates), (2, 1));
    let faults: Vec<_> = answer.faults.iter().map(|fault| (fault.index, fault.field.as_str())).collect();
    assert_eq!(faults, [(2, "customer_id"), (3, "arm")]);
    let again = client.import_assignments(import("mail", vec![row("c-1", "none")])).await.unwrap().into_inner();
    assert_eq!((again.accepted, again.duplicates), (0, 1));
    refused(client.import_assignments(import("mail", Vec::new())).await, Code::InvalidArgument, Reason::InvalidField);
    let answer = client.import_assignments(import("nothing", vec![row("c-1", "none")])).await;
    refused(answer, Code::NotFound, Reason::NotFound);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_what_stands_and_then_what_changes() {
    let house = House::open().await;
    house.publish().await;
    let first = house.decided("r-1", "c-1").await;
    house.respond(&first, "s_one", pb::ResponseKind::Delivered).await.unwrap();
    let watch = async |cursor: &str, kinds: Vec<i32>| {
        let message = pb::WatchDecisionsRequest { cursor: cursor.into(), kinds };
        house.decisions().watch_decisions(house.service(message)).await
    };
    let mut stream = watch("", vec![1, 2, 3]).await.unwrap().into_inner();
    let mut standing = Vec::new();
    let cursor = loop {
        match tokio::time::timeout(DEADLINE, stream.next()).await.unwrap().unwrap().unwrap().item.unwrap() {
            Item::Change(change) => standing.push(change),
            Item::Heartbeat(heartbeat) => break heartbeat.cursor,
        }
    };
    assert_eq!(standing.len(), 2);
    let Some(Change::Exposures(exposures)) = &standing[0].change else { panic!("{standing:?}") };
    assert_eq!(
        (exposures.decision_id.as_str(), exposures.exposures[0].strategy_id.as_str()),
        (first.as_str(), "s_one")
    );
    assert_eq!(standing[0].header.as_ref().unwrap().customer_key, "key-of-c-1");

    let second = house.decided("r-2", "c-2").await;
    let mut tail = watch(&cursor, vec![1]).await.unwrap().into_inner();
    let change = loop {
        let next = tokio::time::timeout(DEADLINE, tail.next()).await.unwrap().unwrap().unwrap();
        if let Some(Item::Change(change)) = next.item {
            break change;
        }
    };
    let Some(Change::Exposures(exposures)) = change.change else { panic!("no exposures") };
    assert_eq!(exposures.decision_id, second);
    assert!(!change.header.unwrap().cursor.is_empty());
    refused(watch("nonsense", vec![1]).await.map(drop), Code::InvalidArgument, Reason::InvalidField);
    refused(watch("", Vec::new()).await.map(drop), Code::InvalidArgument, Reason::InvalidField);
    let user = house.maker(pb::WatchDecisionsRequest { cursor: String::new(), kinds: vec![1] });
    let answer = house.decisions().watch_decisions(user).await.map(drop);
    refused(answer, Code::PermissionDenied, Reason::NoPermission);
    house.close().await;
}
