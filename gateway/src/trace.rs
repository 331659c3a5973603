//! The span of each request: child of the caller's, parent of the service's, with the status in which the call ended.

use http::{HeaderMap, HeaderName, HeaderValue};
use huan_chassis::telemetry;
use tonic::{Code, Status};
use tracing::{Span, field};

use crate::{NAME, route::Route};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Makes the span of a request for an RPC; a new trace begins if its headers name none.
pub fn server(route: &Route, headers: &HeaderMap) -> Span {
    let policy = route.policy;
    let span = tracing::info_span!(
        parent: None,
        "rpc",
        otel.name = format_args!("{}/{}", policy.service_name, policy.method),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = policy.service_name,
        rpc.method = policy.method,
        rpc.grpc.status_code = field::Empty,
    );
    if !span.is_disabled() {
        let sent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        telemetry::root(&span, NAME, sent.unwrap_or_default());
    }
    span
}

/// Makes the span the parent of what the request with these headers sets off.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = if span.is_disabled() { String::new() } else { span.in_scope(telemetry::traceparent) };
    if let Some(value) = HeaderValue::try_from(context).ok().filter(|value| !value.is_empty()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// Notes how the call ended, if these headers or trailers tell.
pub fn record(span: &Span, headers: &HeaderMap) {
    if let Some(code) = headers.get(Status::GRPC_STATUS) {
        ended(span, Code::from_bytes(code.as_bytes()));
    }
}

/// Notes how the call ended. What the caller got wrong is no error of ours.
pub fn ended(span: &Span, code: Code) {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    span.record("rpc.grpc.status_code", code as i32);
    if matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss) {
        span.record("otel.status_code", "ERROR");
    }
}
