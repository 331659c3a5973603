//! gRPC, passed through: heads are looked at, bodies flow by unread in both directions, and the service's answer,
//! trailers and details included, is the caller's.

use http::{HeaderMap, HeaderName, Request, Response, Version, header};
use http_body_util::Either;
use hyper::body::Incoming;
use tokio::time::Instant;
use tracing::Span;

use crate::{body::Body, deadline, fault, route::Route, trace, upstream::Upstream};

/// Belong to one connection, not to the call.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Passes a call on and its answer back.
pub async fn pass(upstream: &Upstream, route: &Route, request: Request<Incoming>, span: &Span) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let asked = deadline::grpc(&head.headers);
    let usual = (!route.streams()).then(|| upstream.timeout());
    if let (None, Some(usual)) = (asked, usual) {
        head.headers.insert(deadline::GRPC_TIMEOUT, deadline::write(usual));
    }
    strip(&mut head.headers);
    head.headers.remove(header::HOST);
    trace::inject(span, &mut head.headers);
    head.uri = upstream.uri(&route.path);
    head.version = Version::HTTP_2;
    let until = asked.or(usual).map(|timeout| Instant::now() + timeout);
    match upstream.call(Request::from_parts(head, Either::Left(body)), until).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            trace::record(span, response.headers());
            response.map(|body| Body::passed(body, span))
        }
        Err(status) => fault::grpc(status, span),
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}
