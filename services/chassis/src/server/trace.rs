//! The span of each RPC. Health checks and paths that are not in our contracts have none.

use tracing::Instrument as _;

use super::step::{Next, Request, Response, Step, go_on, policy};
use crate::telemetry::{self, span};

#[derive(Clone)]
pub(super) struct Trace {
    pub(super) service: &'static str,
}

impl Step for Trace {
    async fn answer(&self, request: Request, next: impl Next) -> Response {
        let Some(policy) = policy(&request) else {
            return go_on(next, request).await;
        };
        let span = span::server(policy);
        if span.is_disabled() {
            return go_on(next, request).await;
        }
        telemetry::accept(&span, self.service, request.headers());
        if let Some(id) = telemetry::trace_id(&span) {
            span.record("trace_id", id);
        }
        let response = go_on(next, request).instrument(span.clone()).await;
        span::watch(&span, span::server_fault, response)
    }
}
