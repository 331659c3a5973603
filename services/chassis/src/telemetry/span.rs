//! The span of one RPC, at either end: its name, its attributes, and its status once the answer has gone. Nothing of
//! what the messages or metadata say gets in.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tracing::{Span, field};

use crate::policy::MethodPolicy;

/// Makes the span in which a server answers. It has no parent in this process.
pub(crate) fn server(policy: &MethodPolicy) -> Span {
    tracing::info_span!(
        parent: None,
        "rpc",
        otel.name = format_args!("{}/{}", policy.service_name, policy.method),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = policy.service_name,
        rpc.method = policy.method,
        rpc.grpc.status_code = field::Empty,
        trace_id = field::Empty,
    )
}

/// Makes the span in which a client waits.
pub(crate) fn client(policy: &MethodPolicy) -> Span {
    tracing::info_span!(
        "call",
        otel.name = format_args!("{}/{}", policy.service_name, policy.method),
        otel.kind = "client",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = policy.service_name,
        rpc.method = policy.method,
        rpc.grpc.status_code = field::Empty,
    )
}

/// Records how the RPC ended: at once if the headers tell, else when the body's trailers do. The span lives as long
/// as the body.
pub(crate) fn watch(span: &Span, is_fault: fn(Code) -> bool, response: http::Response<Body>) -> http::Response<Body> {
    if span.is_disabled() {
        return response;
    }
    if let Some(code) = code(response.headers()) {
        record(span, is_fault, code);
        return response;
    }
    response.map(|inner| Body::new(Watched { inner, span: span.clone(), is_fault }))
}

/// Records how the RPC ended.
pub(crate) fn record(span: &Span, is_fault: fn(Code) -> bool, code: Code) {
    span.record("rpc.grpc.status_code", code as i32);
    if is_fault(code) {
        span.record("otel.status_code", "ERROR");
    }
}

/// True if the status is the server's fault, and so a server span's error (OpenTelemetry's conventions for gRPC).
pub(crate) fn server_fault(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// True if the status is anything but OK: a client span's error.
pub(crate) fn client_fault(code: Code) -> bool {
    code != Code::Ok
}

/// The status code in headers or trailers; `None` if it is still to come.
pub(crate) fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

struct Watched {
    inner: Body,
    span: Span,
    is_fault: fn(Code) -> bool,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let ended = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().and_then(code),
            Some(Err(status)) => Some(status.code()),
            None => None,
        };
        if let Some(code) = ended {
            record(&this.span, this.is_fault, code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
