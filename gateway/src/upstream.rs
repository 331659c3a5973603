//! One service behind the gateway: a lasting HTTP/2 connection, made when it is first needed and again when it breaks.
//! It passes bytes; what they mean is for `grpc` and `json`.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::{Either, Full};
use huan_chassis::{Error, Result, config};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::Instant;
use tonic::Status;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// A silent connection is asked so often whether the service still is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// What may be under way unread on one call, and on the connection.
const WINDOWS: (u32, u32) = (1 << 20, 4 << 20);

/// What is sent: a caller's body as it comes, or one message of ours.
pub type Sent = Either<Incoming, Full<Bytes>>;

/// A service.
#[derive(Clone, Debug)]
pub struct Upstream {
    service: &'static str,
    scheme: Scheme,
    authority: Authority,
    timeout: Duration,
    client: Client<HttpConnector, Sent>,
}

impl Upstream {
    /// Prepares to call a service. Errors: Invalid if its url cannot be read.
    pub fn new(service: &'static str, config: &config::Upstream) -> Result<Self> {
        let fault = || Error::invalid(format!("{service}.url"), "is not one such as http://127.0.0.1:50051");
        let url: Uri = config.url.parse().map_err(|_| fault())?;
        let parts = url.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(fault());
        };
        if scheme != Scheme::HTTP {
            return Err(fault());
        }
        Ok(Self { service, scheme, authority, timeout: Duration::from_millis(config.timeout_millis), client: client() })
    }

    /// The service's name.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// How long a call may take if the caller named no deadline.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Where an RPC is.
    pub fn uri(&self, path: &PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.clone());
        Uri::from_parts(parts).expect("scheme, authority and path make a whole address")
    }

    /// Sends a request and waits for the head of the answer. Errors: DEADLINE_EXCEEDED, UNAVAILABLE (DEPENDENCY).
    pub async fn call(&self, request: Request<Sent>, until: Option<Instant>) -> Result<Response<Incoming>, Status> {
        let answer = self.client.request(request);
        let answer = match until {
            Some(until) => tokio::time::timeout_at(until, answer).await.map_err(|_| late(self.service))?,
            None => answer.await,
        };
        answer.map_err(|error| {
            tracing::warn!(service = self.service, error = &error as &dyn std::error::Error, "no answer");
            Error::Dependency { service: self.service }.into()
        })
    }
}

/// The answer for a caller whose time is over.
pub fn late(service: &str) -> Status {
    Status::deadline_exceeded(format!("{service} did not answer in time"))
}

fn client() -> Client<HttpConnector, Sent> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_only(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .http2_keep_alive_while_idle(true)
        .http2_initial_stream_window_size(WINDOWS.0)
        .http2_initial_connection_window_size(WINDOWS.1)
        .build(connector)
}
