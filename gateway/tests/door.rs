//! The gateway over a real service of the chassis: JSON, gRPC, health and reflection through one port.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{any::Any, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::TimeDelta;
use futures::{Stream, future::BoxFuture, stream};
use http::{Method, Request as HttpRequest, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use huan_chassis::{
    Error, Identity, Result as Ours, clock, config,
    error::{field_faults, reason},
    server::{self, Owners, Parts},
    telemetry,
    token::{Claims, Keys},
};
use huan_gateway::{Config, DEFAULTS, NAME, serve};
use huan_proto::{
    error::v1::ErrorReason,
    evaluation::v1::{GetReviewRequest, review_service_client::ReviewServiceClient},
    feed::v1::Header,
    profile::v1::{
        self as pb,
        event_service_client::EventServiceClient,
        event_service_server::{EventService, EventServiceServer},
        profile_service_client::ProfileServiceClient,
        profile_service_server::{ProfileService, ProfileServiceServer, SERVICE_NAME},
        watch_profiles_response::Item,
    },
    types::v1::{Value, value},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{Code, Request, Response, Status, Streaming, transport::Channel};

/// What stands behind the gateway: the contract of profile, over the chassis' server with all its layers.
struct Profiles;

impl Owners for Profiles {
    fn owner_path<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Ours<Option<String>>> {
        Box::pin(async { Ok(Some("/hq".to_owned())) })
    }
}

#[tonic::async_trait]
impl ProfileService for Profiles {
    type WatchProfilesStream = Pin<Box<dyn Stream<Item = Result<pb::WatchProfilesResponse, Status>> + Send>>;

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?.to_owned();
        match request.get_ref().customer_id.as_str() {
            "" => Err(Error::invalid("customer_id", "is required").into()),
            "nobody" => Err(Error::NotFound { what: "customer", field: "customer_id" }.into()),
            "slow" => std::future::pending().await,
            customer_id => Ok(Response::new(profile(customer_id, &tenant))),
        }
    }

    async fn batch_get_profiles(
        &self,
        _request: Request<pb::BatchGetProfilesRequest>,
    ) -> Result<Response<pb::BatchGetProfilesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn watch_profiles(
        &self,
        request: Request<pb::WatchProfilesRequest>,
    ) -> Result<Response<Self::WatchProfilesStream>, Status> {
        let cursor = request.into_inner().cursor;
        let change = |i: u32| pb::ProfileChange {
            header: Some(Header { cursor: format!("{cursor}{i}"), ..Header::default() }),
            change: None,
        };
        let rows = (0..3).map(move |i| Ok(pb::WatchProfilesResponse { item: Some(Item::Change(change(i))) }));
        let end = stream::iter([Err(Status::from(Error::CursorExpired))]);
        Ok(Response::new(Box::pin(futures::StreamExt::chain(stream::iter(rows.collect::<Vec<_>>()), end))))
    }
}

#[tonic::async_trait]
impl EventService for Profiles {
    type StreamEventsStream = Pin<Box<dyn Stream<Item = Result<pb::StreamEventsResponse, Status>> + Send>>;

    async fn stream_events(
        &self,
        request: Request<Streaming<pb::StreamEventsRequest>>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let answer = |batch: Result<pb::StreamEventsRequest, Status>| {
            batch.map(|batch| pb::StreamEventsResponse { sequence: batch.sequence, ..Default::default() })
        };
        Ok(Response::new(Box::pin(futures::StreamExt::map(request.into_inner(), answer))))
    }

    async fn ingest_events(
        &self,
        _: Request<pb::IngestEventsRequest>,
    ) -> Result<Response<pb::IngestEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn list_events(&self, _: Request<pb::ListEventsRequest>) -> Result<Response<pb::ListEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn register_event_type(
        &self,
        _: Request<pb::RegisterEventTypeRequest>,
    ) -> Result<Response<pb::RegisterEventTypeResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn list_event_types(
        &self,
        _: Request<pb::ListEventTypesRequest>,
    ) -> Result<Response<pb::ListEventTypesResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

fn profile(customer_id: &str, tenant: &str) -> pb::GetProfileResponse {
    let kind = Some(value::Kind::Number(1.5));
    pb::GetProfileResponse {
        customer: Some(pb::Customer {
            customer_id: customer_id.to_owned(),
            revision: i64::MAX,
            owner_path: format!("/{tenant}"),
            r#type: pb::CustomerType::Retail.into(),
            ..pb::Customer::default()
        }),
        features: vec![pb::NamedValue { name: "txn_count_30d".into(), value: Some(Value { kind }) }],
        as_of_time: Some(clock::timestamp("2026-03-01T02:00:00.5Z".parse().unwrap())),
        position: telemetry::traceparent(),
        ..pb::GetProfileResponse::default()
    }
}

/// A gateway before that service.
struct Suite {
    url: String,
    keys: Arc<Keys>,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    channel: Channel,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    _behind: oneshot::Sender<()>,
}

impl Suite {
    async fn start() -> Self {
        let keys = Arc::new(Keys::generate().0);
        let (behind, profile) = upstream(keys.clone()).await;
        let mut config: Config = config::load(NAME, DEFAULTS, None).unwrap();
        config.json.max_body_bytes = 10_000;
        config.profile.url = profile;
        config.evaluation.url = "http://127.0.0.1:1".into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(config, keys.clone(), listener, async { drop(stopped.await) });
        let served = tokio::spawn(async { serving.await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        let channel = Channel::from_shared(url.clone()).unwrap().connect_lazy();
        Self { url, keys, client, channel, stop: Some(stop), served, _behind: behind }
    }

    fn token(&self) -> String {
        self.keys.sign(&Claims::user("mei", "bank", &["analyst"], "/", clock::system_now()))
    }

    /// A POST of JSON with a token and further headers.
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> (StatusCode, Json) {
        let mut request = HttpRequest::post(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token()));
        for (name, value) in headers {
            request.headers_mut().unwrap().insert(header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let (status, _, body) = self.send(request.body(Full::new(body.into())).unwrap()).await;
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{body:?}")))
    }

    async fn send(&self, request: HttpRequest<Full<Bytes>>) -> (StatusCode, String, Bytes) {
        let response = self.client.request(request).await.unwrap();
        let status = response.status();
        let media = response.headers().get(header::CONTENT_TYPE).map(|media| media.to_str().unwrap().to_owned());
        (status, media.unwrap_or_default(), response.into_body().collect().await.unwrap().to_bytes())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = HttpRequest::get(format!("{}{path}", self.url)).body(Full::default()).unwrap();
        let (status, media, body) = self.send(request).await;
        assert!(media.starts_with("text/plain"));
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token()).parse().unwrap());
        request
    }

    fn service_request<T>(&self, message: T) -> Request<T> {
        let token = self.keys.sign(&Claims::service("segment", clock::system_now()));
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
    }
}

async fn upstream(keys: Arc<Keys>) -> (oneshot::Sender<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let routes = tonic::service::Routes::new(ProfileServiceServer::new(Profiles));
    let routes = routes.add_service(EventServiceServer::new(Profiles));
    let parts = Parts { service: "profile", routes, keys, owners: Arc::new(Profiles), names: &[SERVICE_NAME] };
    tokio::spawn(async { server::serve(parts, listener, async { drop(stopped.await) }).await.unwrap() });
    (stop, url)
}

const GET: &str = "/huan.profile.v1.ProfileService/GetProfile";

/// The one detail of a kind in a Connect error.
fn detail<'a>(error: &'a Json, kind: &str) -> &'a Json {
    error["details"]
        .as_array()
        .unwrap()
        .iter()
        .find(|detail| detail["type"] == kind)
        .unwrap_or_else(|| panic!("{error}"))
}

fn reason_of(error: &Json) -> &str {
    detail(error, "google.rpc.ErrorInfo")["debug"]["reason"].as_str().unwrap()
}

fn violations(error: &Json) -> Vec<&str> {
    let violations = detail(error, "google.rpc.BadRequest")["debug"]["fieldViolations"].as_array().unwrap();
    violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_answered_in_json() {
    let suite = Suite::start().await;
    for body in [r#"{"customerId": "C-1"}"#, r#"{"customer_id": "C-1"}"#] {
        let (status, profile) = suite.post(GET, &[("connect-protocol-version", "1")], body).await;
        assert_eq!(status, StatusCode::OK, "{profile}");
        assert_eq!(profile["customer"]["customerId"], "C-1");
        assert_eq!(profile["customer"]["ownerPath"], "/bank");
        assert_eq!(profile["customer"]["revision"], "9223372036854775807");
        assert_eq!(profile["customer"]["type"], "CUSTOMER_TYPE_RETAIL");
        assert_eq!(profile["features"], json!([{ "name": "txn_count_30d", "value": { "number": 1.5 } }]));
        assert_eq!(profile["asOfTime"], "2026-03-01T02:00:00.500Z");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_error_is_a_connect_error() {
    let suite = Suite::start().await;
    let (status, error) = suite.post(GET, &[], r#"{"customerId": "nobody"}"#).await;
    assert_eq!((status, &error["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(error["message"], "no such customer");
    let info = detail(&error, "google.rpc.ErrorInfo");
    assert_eq!(info["debug"], json!({ "reason": "ERROR_REASON_NOT_FOUND", "domain": "huan" }));
    assert!(!info["value"].as_str().unwrap().contains('='));
    let (status, error) = suite.post(GET, &[], "{}").await;
    assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_argument")));
    assert_eq!(violations(&error), ["customer_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_good_token() {
    let suite = Suite::start().await;
    let late = clock::system_now() - TimeDelta::hours(2);
    let expired = suite.keys.sign(&Claims::user("mei", "bank", &["analyst"], "/", late));
    let strangers = Keys::generate().0.sign(&Claims::service("segment", clock::system_now()));
    for token in [format!("Bearer {expired}"), format!("Bearer {strangers}"), "Basic bWVp".into(), String::new()] {
        // The service that is not there is not asked.
        let path = "/huan.evaluation.v1.ReviewService/GetReview";
        let (status, error) = suite.post(path, &[("authorization", &token)], "{}").await;
        assert_eq!((status, &error["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthenticated")));
        assert_eq!(reason_of(&error), "ERROR_REASON_UNAUTHENTICATED");
    }
    let status = suite.profiles().get_profile(pb::GetProfileRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, Some(ErrorReason::Unauthenticated)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_contracts_is_not_there() {
    let suite = Suite::start().await;
    for path in ["/huan.profile.v1.ProfileService/Nothing", "/nothing", "/huan.feed.v1.FeedService/GetFeedStatus"] {
        let (status, error) = suite.post(path, &[], "{}").await;
        assert_eq!((status, &error["code"]), (StatusCode::NOT_FOUND, &json!("unimplemented")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_named_and_its_value_is_not() {
    let suite = Suite::start().await;
    let (status, error) = suite.post(GET, &[], r#"{"customerId": "C-1", "colour": "crimson", "customer_id": 3}"#).await;
    assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_argument")));
    assert_eq!(reason_of(&error), "ERROR_REASON_INVALID_FIELD");
    let mut fields = violations(&error);
    fields.sort_unstable();
    assert_eq!(fields, ["colour", "customer_id"]);
    assert!(!error.to_string().contains("crimson"));
    for body in ["", "[]", "{\"customerId\""] {
        let (status, error) = suite.post(GET, &[], body).await;
        assert_eq!((status, violations(&error)), (StatusCode::BAD_REQUEST, vec!["request"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded() {
    let suite = Suite::start().await;
    let body = format!(r#"{{"customerId": "{}"}}"#, "x".repeat(10_000));
    let (status, error) = suite.post(GET, &[], body).await;
    assert_eq!((status, violations(&error)), (StatusCode::BAD_REQUEST, vec!["request"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_not_to_be_had_as_json() {
    let suite = Suite::start().await;
    let (status, error) = suite.post("/huan.profile.v1.ProfileService/WatchProfiles", &[], "{}").await;
    assert_eq!((status, &error["code"]), (StatusCode::NOT_IMPLEMENTED, &json!("unimplemented")));
    assert!(error["message"].as_str().unwrap().contains("gRPC"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_media_and_versions_are_refused() {
    let suite = Suite::start().await;
    let request = |method, media| {
        HttpRequest::builder().method(method).uri(format!("{}{GET}", suite.url)).header(header::CONTENT_TYPE, media)
    };
    let got = suite.send(request(Method::GET, "application/json").body(Full::default()).unwrap()).await;
    assert_eq!(got.0, StatusCode::METHOD_NOT_ALLOWED);
    let got = suite.send(request(Method::POST, "text/xml").body(Full::default()).unwrap()).await;
    assert_eq!(got.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let got = suite.send(request(Method::POST, "application/grpc").body(Full::default()).unwrap()).await;
    assert_eq!(got.0, StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    let (status, error) = suite.post(GET, &[("connect-protocol-version", "2")], "{}").await;
    assert_eq!((status, violations(&error)), (StatusCode::BAD_REQUEST, vec!["connect-protocol-version"]));
    let (status, _) = suite.post(GET, &[("content-encoding", "gzip")], "{}").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_are_kept_in_both_tongues() {
    let suite = Suite::start().await;
    let slow = r#"{"customerId": "slow"}"#;
    let (status, error) = suite.post(GET, &[("connect-timeout-ms", "50")], slow).await;
    assert_eq!((status, &error["code"]), (StatusCode::GATEWAY_TIMEOUT, &json!("deadline_exceeded")));
    let (status, error) = suite.post(GET, &[("connect-timeout-ms", "soon")], slow).await;
    assert_eq!((status, violations(&error)), (StatusCode::BAD_REQUEST, vec!["connect-timeout-ms"]));
    let mut request = suite.request(pb::GetProfileRequest { customer_id: "slow".into(), ..Default::default() });
    request.set_timeout(Duration::from_millis(50));
    let status = suite.profiles().get_profile(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_named() {
    let suite = Suite::start().await;
    let (status, error) = suite.post("/huan.evaluation.v1.ReviewService/GetReview", &[], "{}").await;
    assert_eq!((status, &error["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert_eq!(
        (reason_of(&error), &error["message"]),
        ("ERROR_REASON_DEPENDENCY", &json!("evaluation cannot be reached"))
    );
    let mut reviews = ReviewServiceClient::new(suite.channel.clone());
    let status = reviews.get_review(suite.request(GetReviewRequest::default())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, Some(ErrorReason::Dependency)));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_through_with_its_errors_and_streams() {
    let suite = Suite::start().await;
    let mut profiles = suite.profiles();
    let ask = |customer_id: &str| {
        suite.request(pb::GetProfileRequest { customer_id: customer_id.into(), ..Default::default() })
    };
    let profile = profiles.get_profile(ask("C-1")).await.unwrap().into_inner();
    assert_eq!(profile.customer.unwrap().owner_path, "/bank");
    let status = profiles.get_profile(ask("nobody")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::NotFound, Some(ErrorReason::NotFound)));
    let status = profiles.get_profile(ask("")).await.unwrap_err();
    assert_eq!(field_faults(&status)[0].field, "customer_id");
    let watch = pb::WatchProfilesRequest { cursor: "c".into(), ..Default::default() };
    let mut rows = profiles.watch_profiles(suite.service_request(watch)).await.unwrap().into_inner();
    for i in 0..3 {
        let Some(Item::Change(change)) = rows.message().await.unwrap().unwrap().item else { panic!("no change") };
        assert_eq!(change.header.unwrap().cursor, format!("c{i}"));
    }
    let status = rows.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::OutOfRange, Some(ErrorReason::CursorExpired)));
    let status = profiles.watch_profiles(suite.request(pb::WatchProfilesRequest::default())).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_through_in_both_directions_while_it_lasts() {
    let suite = Suite::start().await;
    let (mut send, sent) = futures::channel::mpsc::channel(1);
    let mut events = EventServiceClient::new(suite.channel.clone());
    let mut answers = events.stream_events(suite.service_request(sent)).await.unwrap().into_inner();
    for sequence in 1..=3 {
        let batch = pb::StreamEventsRequest { sequence, ..Default::default() };
        futures::SinkExt::send(&mut send, batch).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().sequence, sequence);
    }
    drop(send);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reflection_and_the_page_are_open() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let suite = Suite::start().await;
    let mut health = HealthClient::new(suite.channel.clone());
    assert_eq!(health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status, 1);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(suite.channel.clone());
    let mut answers = reflection.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = answer else { panic!("{answer:?}") };
    assert!(listed.service.iter().any(|service| service.name == SERVICE_NAME));
    assert_eq!(suite.get("/healthz").await, (StatusCode::OK, "ok\n".into()));
    let (status, page) = suite.get("/").await;
    assert!(status == StatusCode::OK && page.contains(SERVICE_NAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_goes_on_in_the_service() {
    let nowhere = config::Telemetry {
        log: config::LogFormat::Human,
        level: "off".into(),
        otlp_endpoint: "http://127.0.0.1:1".into(),
    };
    let _telemetry: Box<dyn Any> = Box::new(telemetry::init(&nowhere, "test").unwrap());
    let suite = Suite::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (_, profile) = suite.post(GET, &[("traceparent", parent)], r#"{"customerId": "C-1"}"#).await;
    let seen = profile["position"].as_str().unwrap().to_owned();
    assert_eq!((seen.len(), &seen[..36]), (parent.len(), &parent[..36]));
    assert_ne!(seen[36..52], parent[36..52]);
    let mut request = suite.request(pb::GetProfileRequest { customer_id: "C-1".into(), ..Default::default() });
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let seen = suite.profiles().get_profile(request).await.unwrap().into_inner().position;
    assert_eq!(&seen[..36], &parent[..36]);
    // Without a parent a new trace begins.
    let (_, profile) = suite.post(GET, &[], r#"{"customerId": "C-1"}"#).await;
    let begun = profile["position"].as_str().unwrap();
    assert!(begun.len() == parent.len() && begun[..36] != parent[..36]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_ends_before_the_gateway_does() {
    let mut suite = Suite::start().await;
    let stop = suite.stop.take().unwrap();
    let under_way = suite.post(GET, &[("connect-timeout-ms", "300")], r#"{"customerId": "slow"}"#);
    let (answer, ()) = tokio::join!(under_way, async {
        // Once another call was answered, the slow one has been taken too.
        suite.post(GET, &[], r#"{"customerId": "C-1"}"#).await;
        stop.send(()).unwrap();
    });
    assert_eq!(answer.0, StatusCode::GATEWAY_TIMEOUT);
    tokio::time::timeout(Duration::from_secs(5), suite.served).await.unwrap().unwrap();
}
