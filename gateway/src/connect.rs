//! The Connect protocol's error: its JSON, its names of the codes and its HTTP statuses
//! (<https://connectrpc.com/docs/protocol>, "Error Codes" and "Error End-Stream").

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use http::{HeaderValue, Response, StatusCode, header};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::pb::{self, BadRequest, ErrorInfo, RetryInfo};

use crate::body::Body;

/// JSON's media type.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Writes a status as Connect's error.
pub fn error(status: &Status) -> Response<Body> {
    let (code, http) = code(status.code());
    let mut error = json!({ "code": code });
    if !status.message().is_empty() {
        error["message"] = status.message().into();
    }
    let details = details(status.details());
    if !details.is_empty() {
        error["details"] = details.into();
    }
    let mut response = Response::new(Body::full(error.to_string()));
    *response.status_mut() = http;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// The details of an encoded `google.rpc.Status`, each with its bytes, and readable where its type is one that Huan's
/// services send.
fn details(encoded: &[u8]) -> Vec<Value> {
    let details = pb::Status::decode(encoded).map(|status| status.details).unwrap_or_default();
    details.iter().map(|any| detail(any.type_url.rsplit('/').next().unwrap_or_default(), &any.value)).collect()
}

fn detail(name: &str, value: &[u8]) -> Value {
    let mut detail = json!({ "type": name, "value": BASE64_STANDARD_NO_PAD.encode(value) });
    if let Some(debug) = debug(name, value) {
        detail["debug"] = debug;
    }
    detail
}

fn debug(name: &str, value: &[u8]) -> Option<Value> {
    match name {
        "google.rpc.ErrorInfo" => {
            let info = ErrorInfo::decode(value).ok()?;
            Some(json!({ "reason": info.reason, "domain": info.domain }))
        }
        "google.rpc.BadRequest" => {
            let violations = BadRequest::decode(value).ok()?.field_violations;
            let violation =
                |v: &pb::bad_request::FieldViolation| json!({ "field": v.field, "description": v.description });
            Some(json!({ "fieldViolations": violations.iter().map(violation).collect::<Vec<_>>() }))
        }
        "google.rpc.RetryInfo" => {
            let delay = RetryInfo::decode(value).ok()?.retry_delay?;
            Some(json!({ "retryDelay": format!("{}.{:09}s", delay.seconds, delay.nanos) }))
        }
        _ => None,
    }
}

fn code(code: Code) -> (&'static str, StatusCode) {
    let (name, http) = match code {
        Code::Ok | Code::Unknown => ("unknown", 500),
        Code::Cancelled => ("canceled", 499),
        Code::InvalidArgument => ("invalid_argument", 400),
        Code::DeadlineExceeded => ("deadline_exceeded", 504),
        Code::NotFound => ("not_found", 404),
        Code::AlreadyExists => ("already_exists", 409),
        Code::PermissionDenied => ("permission_denied", 403),
        Code::ResourceExhausted => ("resource_exhausted", 429),
        Code::FailedPrecondition => ("failed_precondition", 400),
        Code::Aborted => ("aborted", 409),
        Code::OutOfRange => ("out_of_range", 400),
        Code::Unimplemented => ("unimplemented", 501),
        Code::Internal => ("internal", 500),
        Code::Unavailable => ("unavailable", 503),
        Code::DataLoss => ("data_loss", 500),
        Code::Unauthenticated => ("unauthenticated", 401),
    };
    (name, StatusCode::from_u16(http).expect("all of these are HTTP statuses"))
}
