//! A bank with an open profile service on an embedded store, and callers of all sorts. Its clock stands still at noon of
//! 2024-06-15 in Shanghai.

use std::{fmt::Debug, future::Future, sync::Arc, time::Duration};

use huan_chassis::{
    client::{self, Channel},
    clock, config,
    error::{field_faults, reason},
    store::test,
    token::{Claims, Keys},
};
use huan_profile::{Config, DEFAULTS, NAME, serve};
use huan_proto::{
    error::v1::ErrorReason,
    profile::v1::{
        self as pb, bulk_service_client::BulkServiceClient, consent_service_client::ConsentServiceClient,
        customer_service_client::CustomerServiceClient, dead_letter_service_client::DeadLetterServiceClient,
        event_service_client::EventServiceClient, feature_service_client::FeatureServiceClient,
        holding_service_client::HoldingServiceClient, identity_service_client::IdentityServiceClient,
        industry_service_client::IndustryServiceClient, kyc_service_client::KycServiceClient,
        merge_service_client::MergeServiceClient, profile_service_client::ProfileServiceClient,
        relation_service_client::RelationServiceClient, rights_service_client::RightsServiceClient,
        snapshot_service_client::SnapshotServiceClient, tag_service_client::TagServiceClient,
        tenant_service_client::TenantServiceClient,
    },
};
use prost_types::Timestamp;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{Code, Request, Response, Status};

/// Noon of 2024-06-15 in Shanghai.
pub const NOON: i64 = 1_718_424_000;
/// Seconds of a day.
pub const DAY: i64 = 86_400;

pub struct Bank {
    keys: Arc<Keys>,
    channel: Channel,
    url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<huan_chassis::Result<()>>,
    // Its snapshots go here.
    _folder: TempDir,
}

impl Bank {
    /// Opens the service, with tenant "bank".
    pub async fn open() -> Self {
        let bank = Self::open_empty().await;
        let clock = Some(fixed(NOON));
        let tenant = Some(pb::Tenant { display_name: "Bank".into(), clock, ..Default::default() });
        let create = pb::CreateTenantRequest { request_id: "open".into(), tenant };
        bank.tenants().create_tenant(bank.service(create)).await.unwrap();
        bank
    }

    /// Opens the service without any tenant.
    pub async fn open_empty() -> Self {
        let mut config: Config = config::load(NAME, DEFAULTS, None).unwrap();
        config.database = database().await;
        config.keys = huan_chassis::store::test::keys();
        config.roll.every_millis = 50;
        let folder = tempfile::tempdir().unwrap();
        config.snapshot.root = folder.path().display().to_string();
        let keys = Arc::new(Keys::generate().0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let served = tokio::spawn(serve(config, keys.clone(), listener, shutdown));
        let upstream = config::Upstream { url: url.clone(), timeout_millis: 20_000 };
        let channel = client::connect_lazy(&upstream, keys.clone(), "test").await.unwrap();
        Self { keys, channel, url, stop, served, _folder: folder }
    }

    /// Stops the service and waits until it has drained.
    pub async fn close(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    /// A service's request about tenant "bank".
    pub fn service<T>(&self, message: T) -> Request<T> {
        self.service_of("bank", message)
    }

    /// A service's request about a tenant.
    pub fn service_of<T>(&self, tenant: &str, message: T) -> Request<T> {
        client::as_service(&self.keys, "test", Some(tenant), message)
    }

    /// A branch manager's request.
    pub fn manager<T>(&self, org_path: &str, message: T) -> Request<T> {
        self.user("bank", "branch_manager", org_path, message)
    }

    /// A user's request.
    pub fn user<T>(&self, tenant: &str, role: &str, org_path: &str, message: T) -> Request<T> {
        self.bearer(&Claims::user("u-1", tenant, &[role], org_path, clock::system_now()), message)
    }

    /// A request with a token of these claims.
    pub fn bearer<T>(&self, claims: &Claims, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.keys.sign(claims));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request
    }

    /// A connection that takes in no more than 64 KB that nobody has read.
    pub fn narrow(&self) -> tonic::transport::Channel {
        let endpoint = tonic::transport::Endpoint::from_shared(self.url.clone()).unwrap();
        endpoint.initial_stream_window_size(65_535).connect_lazy()
    }

    pub fn tenants(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel.clone())
    }

    pub fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel.clone())
    }

    pub fn identities(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.channel.clone())
    }

    pub fn merges(&self) -> MergeServiceClient<Channel> {
        MergeServiceClient::new(self.channel.clone())
    }

    pub fn holdings(&self) -> HoldingServiceClient<Channel> {
        HoldingServiceClient::new(self.channel.clone())
    }

    pub fn consents(&self) -> ConsentServiceClient<Channel> {
        ConsentServiceClient::new(self.channel.clone())
    }

    pub fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone())
    }

    pub fn dead_letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.channel.clone())
    }

    pub fn features(&self) -> FeatureServiceClient<Channel> {
        FeatureServiceClient::new(self.channel.clone())
    }

    pub fn tags(&self) -> TagServiceClient<Channel> {
        TagServiceClient::new(self.channel.clone())
    }

    pub fn industries(&self) -> IndustryServiceClient<Channel> {
        IndustryServiceClient::new(self.channel.clone())
    }

    pub fn kyc(&self) -> KycServiceClient<Channel> {
        KycServiceClient::new(self.channel.clone())
    }

    pub fn relations(&self) -> RelationServiceClient<Channel> {
        RelationServiceClient::new(self.channel.clone())
    }

    pub fn bulk(&self) -> BulkServiceClient<Channel> {
        BulkServiceClient::new(self.channel.clone())
    }

    pub fn snapshots(&self) -> SnapshotServiceClient<Channel> {
        SnapshotServiceClient::new(self.channel.clone())
    }

    pub fn rights(&self) -> RightsServiceClient<Channel> {
        RightsServiceClient::new(self.channel.clone())
    }

    pub fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
    }

    /// Imports customers.
    pub async fn import(&self, customers: Vec<pb::Customer>) -> pb::ImportCustomersResponse {
        let request = pb::ImportCustomersRequest { customers, key_seed: 7 };
        self.customers().import_customers(self.service(request)).await.unwrap().into_inner()
    }

    /// Registers types of events; those of `outcomes` may be measured.
    pub async fn register(&self, types: &[&str], outcomes: &[&str]) {
        for (names, is_outcome) in [(types, false), (outcomes, true)] {
            for name in names {
                let event_type = pb::EventType { name: (*name).into(), is_outcome, ..Default::default() };
                let request = pb::RegisterEventTypeRequest { event_type: Some(event_type) };
                self.events().register_event_type(self.service(request)).await.unwrap();
            }
        }
    }

    /// Takes in events.
    pub async fn ingest(&self, events: Vec<pb::Event>) -> pb::IngestEventsResponse {
        let request = pb::IngestEventsRequest { events };
        self.events().ingest_events(self.service(request)).await.unwrap().into_inner()
    }

    /// The whole profile of a customer.
    pub async fn profile(&self, customer_id: &str) -> pb::GetProfileResponse {
        let request = pb::GetProfileRequest { customer_id: customer_id.into(), ..Default::default() };
        self.profiles().get_profile(self.service(request)).await.unwrap().into_inner()
    }

    /// A customer's feature of type number; none = missing.
    pub async fn number(&self, customer_id: &str, name: &str) -> Option<f64> {
        let profile = self.profile(customer_id).await;
        let value = profile.features.into_iter().find(|feature| feature.name == name)?.value?.kind?;
        match value {
            huan_proto::types::v1::value::Kind::Number(number) => Some(number),
            other => panic!("{name} is {other:?}"),
        }
    }
}

/// A fresh database: embedded, unless the one who runs this suite to read its statements says otherwise.
#[allow(clippy::disallowed_methods, reason = "it is not the service that is told")]
async fn database() -> config::Database {
    if let Some(file) = std::env::var_os("HUAN_TEST_STATEMENTS") {
        test::write_statements(file.as_ref());
    }
    match std::env::var("HUAN_TEST_DATABASE").as_deref() {
        Ok("postgres") => test::postgres().await,
        _ => test::sqlite(),
    }
}

/// A retail customer.
pub fn customer(customer_id: &str, owner_path: &str) -> pb::Customer {
    pb::Customer {
        customer_id: customer_id.into(),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: owner_path.into(),
        person: Some(pb::Person { name: "Mark Er".into(), phone: "13800001234".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// An event of C-1 of the system "core".
pub fn event(source_id: &str, event_type: &str, seconds: i64, amount_minor: i64) -> pb::Event {
    pb::Event {
        source: "core".into(),
        source_id: source_id.into(),
        customer_id: "C-1".into(),
        r#type: event_type.into(),
        occur_time: Some(at(seconds)),
        amount_minor,
        ..Default::default()
    }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

pub fn fixed(seconds: i64) -> pb::BusinessClock {
    pb::BusinessClock { source: Some(pb::business_clock::Source::FixedTime(at(seconds))) }
}

/// The code and reason of a refusal.
pub fn refused<T: Debug>(answer: Result<Response<T>, Status>) -> (Code, ErrorReason) {
    let status = answer.unwrap_err();
    (status.code(), reason(&status).unwrap_or_else(|| panic!("no reason: {status:?}")))
}

/// The fields that a refusal names.
pub fn fields<T: Debug>(answer: Result<Response<T>, Status>) -> Vec<String> {
    let status = answer.unwrap_err();
    assert_eq!(reason(&status), Some(ErrorReason::InvalidField), "{status:?}");
    field_faults(&status).into_iter().map(|fault| fault.field).collect()
}

/// Polls until it holds, for at most ten seconds.
pub async fn eventually<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), poll).await.expect("it comes true in time");
}

pub const BAD_TOKEN: (Code, ErrorReason) = (Code::InvalidArgument, ErrorReason::InvalidPageToken);
pub const MISSING: (Code, ErrorReason) = (Code::NotFound, ErrorReason::NotFound);
pub const TAKEN: (Code, ErrorReason) = (Code::AlreadyExists, ErrorReason::AlreadyExists);
pub const STALE: (Code, ErrorReason) = (Code::Aborted, ErrorReason::StaleRevision);
pub const WRONG_STATE: (Code, ErrorReason) = (Code::FailedPrecondition, ErrorReason::WrongState);
pub const OUT_OF_SCOPE: (Code, ErrorReason) = (Code::PermissionDenied, ErrorReason::OutOfScope);
pub const NO_PERMISSION: (Code, ErrorReason) = (Code::PermissionDenied, ErrorReason::NoPermission);
