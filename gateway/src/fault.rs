//! Errors in the caller's tongue, noted in the span.

use http::Response;
use tonic::Status;
use tracing::Span;

use crate::{body::Body, connect, trace};

/// For a gRPC caller: a status without a message.
pub fn grpc(status: Status, span: &Span) -> Response<Body> {
    trace::ended(span, status.code());
    status.into_http()
}

/// For a JSON caller: Connect's error.
pub fn json(status: &Status, span: &Span) -> Response<Body> {
    trace::ended(span, status.code());
    connect::error(status)
}
