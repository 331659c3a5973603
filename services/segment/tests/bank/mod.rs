//! A bank for tests: segment served on a free port, following a profile feed that the test writes.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, stream};
use huan_chassis::client::{self, Channel};
use huan_chassis::feed::{self, Position};
use huan_chassis::server::{self, Owners, Parts};
use huan_chassis::store::{Store, test};
use huan_chassis::token::{Claims, Keys};
use huan_chassis::{Error, Result, clock, config};
use huan_proto::feed::v1::feed_service_client::FeedServiceClient;
use huan_proto::feed::v1::{GetFeedStatusRequest, Heartbeat};
use huan_proto::profile::v1 as profile;
use huan_proto::profile::v1::profile_change::Change;
use huan_proto::profile::v1::profile_service_server::{ProfileService, ProfileServiceServer};
use huan_proto::profile::v1::watch_profiles_response::Item;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::clustering_service_client::ClusteringServiceClient;
use huan_proto::types::v1::{Value, ValueType, value};
use huan_segment::config::{Definitions, History};
use huan_segment::{Config, serve};
use prost::Message as _;
use sea_orm_migration::prelude::*;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub const TENANT: &str = "bank";
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The features of every tenant here, by number from 1.
pub const FEATURES: [(&str, ValueType); 5] = [
    ("balance_total", ValueType::Number),
    ("txn_count_30d", ValueType::Number),
    ("customer_type", ValueType::Text),
    ("open_day", ValueType::Day),
    ("has_card", ValueType::Flag),
];

/// Segment and what it follows; both end with this.
pub struct Bank {
    pub keys: Arc<Keys>,
    pub channel: Channel,
    producer: Store,
    // Dropped = told to stop.
    _stops: [oneshot::Sender<()>; 2],
}

impl Bank {
    /// Runs a story on SQLite and on PostgreSQL.
    pub async fn each(story: impl AsyncFn(Bank)) {
        for database in [test::sqlite(), test::postgres().await] {
            story(Bank::open(database).await).await;
        }
    }

    /// A bank on SQLite with its catalogue, its clock at 2026-11-22 noon, and four customers.
    pub async fn open(database: config::Database) -> Bank {
        let keys = Arc::new(Keys::generate().0);
        let producer = Store::open::<ProducerMigrator>(&test::sqlite()).await.unwrap();
        let (profile_url, stop_profile) = serve_profile(producer.clone(), keys.clone()).await;
        let (url, stop) = serve_segment(database, profile_url, keys.clone()).await;
        let upstream = config::Upstream { url, timeout_millis: 20_000 };
        let channel = client::connect_lazy(&upstream, keys.clone(), "test").await.unwrap();
        let bank = Bank { keys, channel, producer, _stops: [stop_profile, stop] };
        bank.seed().await;
        bank
    }

    async fn seed(&self) {
        for tenant in [TENANT, "other"] {
            self.put(tenant, Change::Tenant(settings(tenant))).await;
            self.put(tenant, Change::Catalogue(catalogue())).await;
        }
        self.put_customer("E-1", "/hq/east", &[number(100.0), number(5.0), text("retail"), day("2026-11-01")]).await;
        self.put_customer("E-2", "/hq/east/b2", &[number(5_000.0), number(0.0), text("retail")]).await;
        self.put_customer("W-1", "/hq/west", &[number(70_000.0), number(9.0), text("corporate")]).await;
        let last = self.put_customer("W-2", "/hq/west", &[]).await;
        self.follows(last).await;
    }

    /// Publishes a customer's vector: values by number from 1.
    pub async fn put_customer(&self, customer_id: &str, owner_path: &str, values: &[value::Kind]) -> Position {
        let values = values.iter().cloned().map(|kind| Value { kind: Some(kind) }).collect::<Vec<_>>();
        let vector = profile::Vector {
            features: (1..=values.len() as u32).collect(),
            values,
            tags: vec!["vip".into(), "new".into()],
            as_of_time: Some(clock::timestamp(noon())),
        };
        self.put_row(TENANT, customer_id, owner_path, Change::Vector(vector)).await
    }

    /// Publishes whose profile a customer is part of.
    pub async fn put_merge(&self, customer_id: &str, root_id: &str) -> Position {
        let merge = profile::Merge { root_id: root_id.into(), root_key: format!("key of {root_id}") };
        self.put_row(TENANT, customer_id, "/hq", Change::Merge(merge)).await
    }

    /// Publishes a row about no customer.
    pub async fn put(&self, tenant: &str, change: Change) -> Position {
        self.put_row(tenant, "", "", change).await
    }

    /// Publishes that a customer was erased: by the random key alone.
    pub async fn put_erasure(&self, customer_id: &str) -> Position {
        let erasure = profile::Erasure { erase_time: Some(clock::timestamp(noon())) };
        let change = Some(Change::Erasure(erasure));
        let row = feed::Row {
            tenant: TENANT.to_owned(),
            kind: profile::ChangeKind::Erasure.into(),
            customer_key: format!("key of {customer_id}"),
            partition: feed::partition(customer_id),
            owner_path: "/".to_owned(),
            payload: profile::ProfileChange { header: None, change }.encode_to_vec(),
            ..Default::default()
        };
        let tx = self.producer.begin().await.unwrap();
        let position = feed::publish(&tx, vec![row]).await.unwrap();
        tx.commit().await.unwrap();
        position
    }

    /// Waits until a clustering has its clusters.
    pub async fn until_found(&self, clustering_id: &str) {
        let mut client = ClusteringServiceClient::new(self.channel.clone());
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = pb::GetClusteringRequest { clustering_id: clustering_id.into() };
            let found = client.get_clustering(self.user("strategist", "/", request)).await.unwrap().into_inner();
            let clustering = found.clustering.unwrap();
            if !clustering.clusters.is_empty() {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "the fit does not end: {:?}", clustering.job);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn put_row(&self, tenant: &str, customer_id: &str, owner_path: &str, change: Change) -> Position {
        let kind = match &change {
            Change::Tenant(_) => profile::ChangeKind::Tenant,
            Change::Catalogue(_) => profile::ChangeKind::Catalogue,
            Change::Merge(_) => profile::ChangeKind::Merge,
            _ => profile::ChangeKind::Vector,
        };
        let row = feed::Row {
            tenant: tenant.to_owned(),
            kind: kind.into(),
            customer_id: customer_id.to_owned(),
            customer_key: format!("key of {customer_id}"),
            partition: feed::partition(customer_id),
            owner_path: owner_path.to_owned(),
            payload: profile::ProfileChange { header: None, change: Some(change) }.encode_to_vec(),
            traceparent: None,
        };
        let tx = self.producer.begin().await.unwrap();
        let position = feed::publish(&tx, vec![row]).await.unwrap();
        tx.commit().await.unwrap();
        position
    }

    /// Waits until segment has read up to a position.
    pub async fn follows(&self, position: Position) {
        let mut client = FeedServiceClient::new(self.channel.clone());
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = client.get_feed_status(self.service(None, GetFeedStatusRequest {})).await.unwrap();
            let cursor = status.into_inner().consumers[0].cursor.parse::<Position>();
            if cursor.is_ok_and(|cursor| cursor >= position) {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "segment does not follow");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A user's request below an organisation path.
    pub fn user<T>(&self, role: &str, org_path: &str, message: T) -> Request<T> {
        self.bearer(&Claims::user("u-1", TENANT, &[role], org_path, clock::system_now()), message)
    }

    /// The same of a user of this name.
    pub fn user_named<T>(&self, name: &str, role: &str, org_path: &str, message: T) -> Request<T> {
        self.bearer(&Claims::user(name, TENANT, &[role], org_path, clock::system_now()), message)
    }

    /// A channel app's request on behalf of one customer.
    pub fn own<T>(&self, customer_id: &str, message: T) -> Request<T> {
        let claims = Claims::user("app", TENANT, &["channel"], "/", clock::system_now());
        self.bearer(&Claims { customer_id: Some(customer_id.to_owned()), ..claims }, message)
    }

    /// A user's request in another tenant.
    pub fn foreigner<T>(&self, role: &str, message: T) -> Request<T> {
        self.bearer(&Claims::user("u-2", "other", &[role], "/", clock::system_now()), message)
    }

    pub fn service<T>(&self, tenant: Option<&str>, message: T) -> Request<T> {
        client::as_service(&self.keys, "test", tenant, message)
    }

    fn bearer<T>(&self, claims: &Claims, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.keys.sign(claims));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request
    }
}

pub fn noon() -> chrono::DateTime<chrono::Utc> {
    "2026-11-22T04:00:00Z".parse().unwrap()
}

pub fn number(number: f64) -> value::Kind {
    value::Kind::Number(number)
}

pub fn text(text: &str) -> value::Kind {
    value::Kind::Text(text.to_owned())
}

pub fn day(day: &str) -> value::Kind {
    value::Kind::Day(day.to_owned())
}

fn settings(tenant: &str) -> profile::Tenant {
    settings_at(tenant, noon())
}

/// A tenant's settings, with its business clock standing still.
pub fn settings_at(tenant: &str, time: chrono::DateTime<chrono::Utc>) -> profile::Tenant {
    let source = profile::business_clock::Source::FixedTime(clock::timestamp(time));
    profile::Tenant {
        tenant_id: tenant.to_owned(),
        time_zone: "Asia/Shanghai".into(),
        clock: Some(profile::BusinessClock { source: Some(source) }),
        ..Default::default()
    }
}

fn catalogue() -> profile::Catalogue {
    let feature = |(number, (name, r#type)): (u32, (&str, ValueType))| profile::Feature {
        number,
        name: name.to_owned(),
        r#type: r#type.into(),
        ..Default::default()
    };
    profile::Catalogue { features: (1..).zip(FEATURES).map(feature).collect() }
}

async fn serve_segment(
    database: config::Database,
    profile_url: String,
    keys: Arc<Keys>,
) -> (String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        listen: config::Listen { address: listener.local_addr().unwrap() },
        database,
        telemetry: config::Telemetry { log: config::LogFormat::Human, level: "warn".into(), otlp_endpoint: "".into() },
        auth: config::Auth { key_file: "none".into() },
        profile: config::Upstream { url: profile_url, timeout_millis: 5000 },
        definitions: Definitions { refresh_millis: 50 },
        history: History { lease_millis: 15_000, look_millis: 50 },
        feed: config::Feed { retention_hours: 1, poll_millis: 10, heartbeat_millis: 20 },
    };
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve(config, keys, listener, stopped.map(|_| ())));
    (url, stop)
}

async fn serve_profile(producer: Store, keys: Arc<Keys>) -> (String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let parts = Parts {
        service: "profile",
        routes: Routes::new(ProfileServiceServer::new(Profiles(producer))),
        keys,
        owners: Arc::new(Nobody),
        names: &[],
    };
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server::serve(parts, listener, stopped.map(|_| ())));
    (url, stop)
}

/// A feed without a snapshot: everything is in its tail.
struct Profiles(Store);

#[tonic::async_trait]
impl ProfileService for Profiles {
    type WatchProfilesStream = BoxStream<'static, Result<profile::WatchProfilesResponse, Status>>;

    async fn get_profile(
        &self,
        _: Request<profile::GetProfileRequest>,
    ) -> Result<Response<profile::GetProfileResponse>, Status> {
        Err(Error::NotFound { what: "customer", field: "customer_id" }.into())
    }

    async fn batch_get_profiles(
        &self,
        _: Request<profile::BatchGetProfilesRequest>,
    ) -> Result<Response<profile::BatchGetProfilesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn watch_profiles(
        &self,
        request: Request<profile::WatchProfilesRequest>,
    ) -> Result<Response<Self::WatchProfilesStream>, Status> {
        let profile::WatchProfilesRequest { cursor, kinds, .. } = request.into_inner();
        // From the start, not from a snapshot that this feed has not.
        let cursor = if cursor.is_empty() { Position::default().to_string() } else { cursor };
        let config = config::Feed { retention_hours: 1, poll_millis: 10, heartbeat_millis: 20 };
        let watch = feed::Watch {
            cursor,
            kinds,
            filter: feed::Filter::default(),
            snapshot: stream::empty().boxed(),
            row: change,
            heartbeat: |heartbeat: Heartbeat| profile::WatchProfilesResponse { item: Some(Item::Heartbeat(heartbeat)) },
        };
        Ok(Response::new(feed::watch(&self.0, &config, watch)?))
    }
}

fn change(entry: feed::Entry) -> Result<profile::WatchProfilesResponse> {
    let mut change = profile::ProfileChange::decode(entry.payload.as_slice()).unwrap();
    change.header = Some(entry.header);
    Ok(profile::WatchProfilesResponse { item: Some(Item::Change(change)) })
}

struct Nobody;

impl Owners for Nobody {
    fn owner_path<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async { Ok(None) })
    }
}

struct ProducerMigrator;

#[async_trait::async_trait]
impl MigratorTrait for ProducerMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![feed::migration()]
    }
}
