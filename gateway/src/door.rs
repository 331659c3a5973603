//! The door: which way a request goes, by its path and what its caller speaks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use huan_chassis::{Result, token::Keys};
use hyper::body::Incoming;
use tonic::{Status, service::Routes};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::{
    auth,
    body::Body,
    config::Config,
    connect, fault, grpc, json,
    route::{Route, Table},
    trace,
};

/// Asked without a token.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/"];

/// The door and what is behind it.
pub struct Door {
    keys: Arc<Keys>,
    table: Table,
    open: Routes,
    page: Bytes,
    max_body_bytes: usize,
    closed: AtomicBool,
}

/// What a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    Grpc,
    Json,
    Other,
}

impl Door {
    /// Opens onto the services that the configuration names, and onto health and reflection, which are `open` to all.
    /// Errors: Invalid if a url cannot be read.
    pub fn new(config: &Config, keys: Arc<Keys>, open: Routes) -> Result<Self> {
        let table = Table::new(huan_proto::pool(), &config.upstreams())?;
        let page = Bytes::from(table.page());
        let max_body_bytes = config.json.max_body_bytes;
        Ok(Self { keys, table, open, page, max_body_bytes, closed: AtomicBool::new(false) })
    }

    /// From here on says that it is not healthy.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let tongue = Tongue::of(request.headers());
        if let Some(route) = self.table.route(request.uri().path()) {
            let span = trace::server(route, request.headers());
            return self.pass(tongue, route, request, &span).instrument(span.clone()).await;
        }
        let path = request.uri().path();
        if tongue == Tongue::Grpc && OPEN.iter().any(|open| path.starts_with(open)) {
            let Ok(response) = self.open.clone().oneshot(request.map(tonic::body::Body::new)).await;
            return response.map(Body::Own);
        }
        match (request.method(), path) {
            (&Method::GET, "/") => text(StatusCode::OK, self.page.clone()),
            (&Method::GET, "/healthz") if self.closed.load(Ordering::Relaxed) => {
                text(StatusCode::SERVICE_UNAVAILABLE, Bytes::from_static(b"going\n"))
            }
            (&Method::GET, "/healthz") => text(StatusCode::OK, Bytes::from_static(b"ok\n")),
            _ => unknown(tongue),
        }
    }

    async fn pass(
        &self,
        tongue: Tongue,
        route: &Route,
        request: Request<Incoming>,
        span: &tracing::Span,
    ) -> Response<Body> {
        match tongue {
            Tongue::Grpc if request.version() != Version::HTTP_2 => {
                text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, Bytes::from_static(b"gRPC needs HTTP/2\n"))
            }
            Tongue::Grpc => match auth::check(&self.keys, request.headers()) {
                Ok(()) => grpc::pass(self.table.upstream(route), route, request, span).await,
                Err(error) => fault::grpc(error.into(), span),
            },
            _ if request.method() != Method::POST => {
                let mut response = text(StatusCode::METHOD_NOT_ALLOWED, Bytes::from_static(b"POST it\n"));
                response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("POST"));
                response
            }
            Tongue::Json => match auth::check(&self.keys, request.headers()) {
                Ok(()) => json::pass(self.table.upstream(route), route, request, self.max_body_bytes, span).await,
                Err(error) => fault::json(&error.into(), span),
            },
            Tongue::Other => {
                let said = b"send application/json, or application/grpc over HTTP/2\n";
                text(StatusCode::UNSUPPORTED_MEDIA_TYPE, Bytes::from_static(said))
            }
        }
    }
}

impl Tongue {
    fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = sent.split(';').next().unwrap_or_default().trim();
        if media == "application/grpc" || media == "application/grpc+proto" {
            Tongue::Grpc
        } else if media.eq_ignore_ascii_case("application/json") {
            Tongue::Json
        } else {
            Tongue::Other
        }
    }
}

/// The answer where there is no such method.
fn unknown(tongue: Tongue) -> Response<Body> {
    let status = Status::unimplemented("no such method");
    match tongue {
        Tongue::Grpc => status.into_http::<Body>(),
        _ => {
            let mut response = connect::error(&status);
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn text(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
