//! JSON after the Connect protocol, for unary RPCs: a JSON request becomes a gRPC one, its answer JSON again, by the
//! contracts' descriptors and proto3's JSON mapping.

mod fields;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use huan_chassis::{Error, Result};
use hyper::body::Incoming;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Span;

use crate::{body::Body, connect, deadline, fault, route::Route, trace, upstream, upstream::Upstream};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
/// What of the caller's headers the service needs.
const PASSED: [HeaderName; 3] = [header::AUTHORIZATION, header::USER_AGENT, HeaderName::from_static("huan-tenant")];
/// Flag and length before a gRPC message.
const PREFIX: usize = 5;

/// Answers a JSON request from a service.
pub async fn pass(
    upstream: &Upstream,
    route: &Route,
    request: Request<Incoming>,
    max_body_bytes: usize,
    span: &Span,
) -> Response<Body> {
    match answer(upstream, route, request, max_body_bytes, span).await {
        Ok(json) => {
            trace::ended(span, Code::Ok);
            let mut response = Response::new(Body::full(json));
            response.headers_mut().insert(header::CONTENT_TYPE, connect::JSON);
            response
        }
        Err(status) => fault::json(&status, span),
    }
}

async fn answer(
    upstream: &Upstream,
    route: &Route,
    request: Request<Incoming>,
    max_body_bytes: usize,
    span: &Span,
) -> Result<Vec<u8>, Status> {
    if route.streams() {
        return Err(Status::unimplemented("a stream cannot be had as JSON; use gRPC"));
    }
    let (head, body) = request.into_parts();
    check(&head.headers)?;
    let timeout = deadline::connect(&head.headers)?.unwrap_or(upstream.timeout());
    let until = Instant::now() + timeout;
    let exchange = async {
        let json = collect(body, max_body_bytes).await?;
        let mut sent = Request::new(Either::Right(Full::new(framed(&read(&route.input, &json)?))));
        *sent.method_mut() = Method::POST;
        *sent.version_mut() = Version::HTTP_2;
        *sent.uri_mut() = upstream.uri(&route.path);
        *sent.headers_mut() = headers(&head.headers, until, span);
        message(upstream.call(sent, Some(until)).await?).await
    };
    let message = tokio::time::timeout_at(until, exchange).await.map_err(|_| upstream::late(upstream.service()))??;
    Ok(write(&route.output, message)?)
}

/// Refuses what the protocol knows and the gateway does not.
fn check(headers: &HeaderMap) -> Result<(), Status> {
    if headers.get(PROTOCOL_VERSION).is_some_and(|version| version != "1") {
        return Err(Error::invalid(PROTOCOL_VERSION.as_str(), "is not 1").into());
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Status::unimplemented("send the body without content-encoding"));
    }
    Ok(())
}

async fn collect(body: Incoming, max_bytes: usize) -> Result<Bytes> {
    let fault = || Error::invalid("request", format!("breaks off, or is larger than {max_bytes} bytes"));
    Ok(Limited::new(body, max_bytes).collect().await.map_err(|_| fault())?.to_bytes())
}

fn headers(callers: &HeaderMap, until: Instant, span: &Span) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let left = until.saturating_duration_since(Instant::now());
    headers.insert(deadline::GRPC_TIMEOUT, deadline::write(left));
    for name in &PASSED {
        if let Some(value) = callers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    trace::inject(span, &mut headers);
    headers
}

/// Reads a message from JSON. Errors: Invalid, naming every field that cannot be read.
fn read(message: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage> {
    let mut text = serde_json::Deserializer::from_slice(json);
    let read = DynamicMessage::deserialize(message.clone(), &mut text).and_then(|read| text.end().map(|()| read));
    read.map_err(|error| fields::fault(message, json, &error))
}

/// Writes a message as JSON.
fn write(message: &MessageDescriptor, encoded: Bytes) -> Result<Vec<u8>> {
    let fault = |why: String| Error::Internal(format!("{}: {why}", message.full_name()));
    let size = encoded.len();
    let message = DynamicMessage::decode(message.clone(), encoded).map_err(|error| fault(error.to_string()))?;
    let mut json = Vec::with_capacity(2 * size + 2);
    serde_json::to_writer(&mut json, &message).map_err(|error| fault(error.to_string()))?;
    Ok(json)
}

fn framed(message: &DynamicMessage) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    // The buffer grows as needed, so that encoding cannot fail.
    let _ = message.encode(&mut frame);
    frame.freeze()
}

/// Takes the one message out of a service's answer. Errors: the status that the service gave.
async fn message(response: Response<Incoming>) -> Result<Bytes, Status> {
    ended(response.headers())?;
    let broken = |why: &str| Status::from(Error::Internal(format!("a service's answer {why}")));
    let whole = response.into_body().collect().await.map_err(|_| Status::unavailable("the answer broke off"))?;
    ended(whole.trailers().ok_or_else(|| broken("has no status"))?)?;
    let mut frame = whole.to_bytes();
    if frame.len() < PREFIX || frame[0] != 0 {
        return Err(broken("is not one plain message"));
    }
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize;
    let message = frame.split_off(PREFIX);
    if message.len() == length { Ok(message) } else { Err(broken("is not one message")) }
}

/// Fails if headers or trailers tell of a failure.
fn ended(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(()),
    }
}
