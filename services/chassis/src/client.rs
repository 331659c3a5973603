//! Calls to other services: on one lazily made connection, traced, deadlined, and sent again where that does no harm.
//! Whom to call and on whose behalf is for the callers.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tonic::{
    Code, Status,
    body::Body,
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::Endpoint,
};
use tower::{Service, ServiceExt as _};
use tracing::{Instrument as _, Span};

use crate::clock;
use crate::config;
use crate::error::{Error, Result};
use crate::policy::{self, MethodPolicy};
use crate::server::{TENANT, deadline};
use crate::telemetry::{self, span};
use crate::token::Keys;

type Request = http::Request<Body>;
type Response = http::Response<Body>;

const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const CONNECT: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A connection to another service, for generated clients. Cheap to clone.
#[derive(Clone)]
pub struct Channel {
    inner: tonic::transport::Channel,
    timeout: Duration,
    keys: Arc<Keys>,
    service: &'static str,
}

/// Prepares a connection that is made when it is first needed, and again when it breaks. `as_service` is the caller's
/// own name. Errors: Invalid if the url is not one.
pub async fn connect_lazy(upstream: &config::Upstream, keys: Arc<Keys>, as_service: &'static str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(upstream.url.clone())
        .map_err(|_| Error::invalid("url", "is not one such as http://127.0.0.1:50051"))?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_while_idle(true);
    let timeout = Duration::from_millis(upstream.timeout_millis);
    Ok(Channel { inner: endpoint.connect_lazy(), timeout, keys, service: as_service })
}

impl Channel {
    /// Makes a request in the calling service's own name.
    pub fn request<T>(&self, tenant: Option<&str>, message: T) -> tonic::Request<T> {
        as_service(&self.keys, self.service, tenant, message)
    }
}

/// Makes a request on behalf of the one who made `identity_of`: the same token, tenant and deadline.
pub fn on_behalf<T, U>(identity_of: &tonic::Request<U>, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    for key in [AUTHORIZATION.as_str(), TENANT] {
        if let Some(value) = identity_of.metadata().get(key) {
            request.metadata_mut().insert(key, value.clone());
        }
    }
    if let Some(until) = identity_of.extensions().get::<deadline::Until>() {
        request.extensions_mut().insert(*until);
    }
    request
}

/// Makes a request in the name of `service`, about one tenant's data if it names one.
pub fn as_service<T>(keys: &Keys, service: &str, tenant: Option<&str>, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let token = keys.service_token(service, clock::system_now());
    put(request.metadata_mut(), AUTHORIZATION.as_str(), &format!("Bearer {token}"));
    if let Some(tenant) = tenant {
        put(request.metadata_mut(), TENANT, tenant);
    }
    request
}

fn put(metadata: &mut MetadataMap, key: &'static str, value: &str) {
    // A tenant that cannot be written is not sent, and the answer is that one is required.
    if let Ok(value) = AsciiMetadataValue::try_from(value) {
        metadata.insert(key, value);
    }
}

impl Service<Request> for Channel {
    type Response = Response;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // The connection's own readiness is awaited within the call, inside its deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let channel = self.clone();
        match policy::of(request.uri().path()) {
            Some(policy) => {
                let span = span::client(policy);
                Box::pin(channel.watched(policy, request, span.clone()).instrument(span))
            }
            // Not of our contracts: health checks.
            None => Box::pin(async move { channel.send(request).await.map_err(|error| transport_status(&error)) }),
        }
    }
}

impl Channel {
    async fn watched(self, policy: &'static MethodPolicy, request: Request, span: Span) -> Result<Response, Status> {
        match self.deadlined(policy, request, &span).await {
            Ok(response) => Ok(span::watch(&span, span::client_fault, response)),
            Err(status) => {
                span::record(&span, span::client_fault, status.code());
                Err(status)
            }
        }
    }

    async fn deadlined(
        &self,
        policy: &'static MethodPolicy,
        mut request: Request,
        span: &Span,
    ) -> Result<Response, Status> {
        telemetry::inject(span, request.headers_mut());
        let until = self.until(policy, &request);
        let Some(until) = until else {
            return self.attempts(policy, request, None).await;
        };
        let answer = self.attempts(policy, request, Some(until));
        let late = || Status::deadline_exceeded(format!("{} did not answer in time", policy.service));
        tokio::time::timeout_at(until, answer).await.unwrap_or_else(|_| Err(late()))
    }

    /// When the answer must be there: what the caller waits for, or what is usual for the upstream; a stream lasts.
    fn until(&self, policy: &MethodPolicy, request: &Request) -> Option<Instant> {
        let now = Instant::now();
        let own = deadline::timeout(request.headers()).map(|timeout| now + timeout);
        let callers = request.extensions().get::<deadline::Until>().map(|until| until.0).or_else(deadline::current);
        let usual = (!policy.server_streaming).then(|| now + self.timeout);
        [own, callers].into_iter().flatten().min().or(usual)
    }

    async fn attempts(
        &self,
        policy: &'static MethodPolicy,
        request: Request,
        until: Option<Instant>,
    ) -> Result<Response, Status> {
        if !policy.idempotent || policy.client_streaming {
            return self.attempt(policy, request, until).await;
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            let answer = self.attempt(policy, copy(&head, &body), until).await;
            if !is_unavailable(&answer) {
                return answer;
            }
            tokio::time::sleep(jittered(pause)).await;
            pause *= 4;
        }
        self.attempt(policy, copy(&head, &body), until).await
    }

    async fn attempt(
        &self,
        policy: &'static MethodPolicy,
        mut request: Request,
        until: Option<Instant>,
    ) -> Result<Response, Status> {
        if let Some(until) = until {
            let left = until.saturating_duration_since(Instant::now());
            deadline::set_timeout(request.headers_mut(), left);
        }
        self.send(request).await.map_err(|error| {
            tracing::debug!(service = policy.service, error = &error as &dyn std::error::Error, "no answer");
            match transport_status(&error) {
                status if status.code() == Code::Unavailable => Error::Dependency { service: &policy.service }.into(),
                status => status,
            }
        })
    }

    async fn send(&self, request: Request) -> Result<Response, tonic::transport::Error> {
        self.inner.clone().oneshot(request).await
    }
}

fn copy(head: &http::request::Parts, body: &Bytes) -> Request {
    Request::from_parts(head.clone(), Body::new(Full::new(body.clone())))
}

/// True if the other side was not there. If it was, and says that someone further on is not, that someone's caller
/// has tried again already.
fn is_unavailable(answer: &Result<Response, Status>) -> bool {
    match answer {
        Ok(response) => {
            let headers = response.headers();
            span::code(headers) == Some(Code::Unavailable) && !headers.contains_key("grpc-status-details-bin")
        }
        Err(status) => status.code() == Code::Unavailable,
    }
}

/// The status of a call that got no answer. The transport's own timer may go off a moment before ours.
fn transport_status(error: &tonic::transport::Error) -> Status {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.is::<tonic::TimeoutExpired>() {
            return Status::deadline_exceeded("no answer in time");
        }
        source = cause.source();
    }
    Status::unavailable("no connection")
}

/// Half the pause to all of it, so that callers who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let spread = u128::from(pause.as_micros() as u64 / 2 + 1);
    pause / 2 + Duration::from_micros((uuid::Uuid::new_v4().as_u128() % spread) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_on_behalf_carries_token_tenant_and_deadline() {
        let (keys, _) = Keys::generate();
        let mut original = as_service(&keys, "segment", Some("bank"), ());
        original.extensions_mut().insert(deadline::Until(Instant::now()));
        let forwarded = on_behalf(&original, 7);
        assert_eq!(forwarded.metadata().get(TENANT).unwrap(), "bank");
        assert_eq!(forwarded.metadata().get("authorization"), original.metadata().get("authorization"));
        assert!(forwarded.extensions().get::<deadline::Until>().is_some());
    }

    #[test]
    fn a_pause_is_between_half_and_whole() {
        for _ in 0..100 {
            let pause = jittered(FIRST_PAUSE);
            assert!(FIRST_PAUSE / 2 <= pause && pause <= FIRST_PAUSE);
        }
    }
}
