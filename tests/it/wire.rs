//! Calls by name. A request written once, as JSON, goes through the gateway as gRPC and as JSON, and either way a refusal
//! comes back as a status.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use http::{Request, header, uri::PathAndQuery};
use http_body_util::BodyExt as _;
use huan::load::Door;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::Value;
use std::net::SocketAddr;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Calls `huan.profile.v1.CustomerService/GetCustomer` and the like over gRPC. The answer is not kept.
pub async fn grpc(door: &Door, path: &str, body: &Value) -> Result<(), Status> {
    let request = DynamicMessage::deserialize(method(path).input(), body).expect("a request that gRPC can carry");
    let mut client = tonic::client::Grpc::new(door.channel.clone());
    client.ready().await.expect("the gateway is there");
    let path = PathAndQuery::try_from(format!("/{path}")).unwrap();
    let codec: ProstCodec<DynamicMessage, ()> = ProstCodec::default();
    client.unary(door.request(request), path, codec).await.map(drop)
}

/// Calls the same with JSON.
pub async fn json(gateway: SocketAddr, door: &Door, path: &str, body: &Value) -> Result<Value, Status> {
    let request = Request::post(format!("http://{gateway}/{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", door.token))
        .body(body.to_string())
        .unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let http = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{http}: {body:?}"));
    if http.is_success() { Ok(answer) } else { Err(status(&answer)) }
}

fn method(path: &str) -> MethodDescriptor {
    let (service, name) = path.split_once('/').unwrap();
    let service = huan_proto::pool().get_service_by_name(service).unwrap();
    service.methods().find(|method| method.name() == name).unwrap()
}

/// Reads Connect's error back into the status that it was made of.
fn status(error: &Value) -> Status {
    let code = code(error["code"].as_str().unwrap());
    let message = error["message"].as_str().unwrap_or_default();
    let detail = |detail: &Value| prost_types::Any {
        type_url: format!("type.googleapis.com/{}", detail["type"].as_str().unwrap()),
        value: BASE64_STANDARD_NO_PAD.decode(detail["value"].as_str().unwrap()).unwrap(),
    };
    let details = error["details"].as_array().map(|details| details.iter().map(detail).collect()).unwrap_or_default();
    let whole = tonic_types::pb::Status { code: code as i32, message: message.to_owned(), details };
    Status::with_details(code, message, whole.encode_to_vec().into())
}

fn code(name: &str) -> Code {
    match name {
        "invalid_argument" => Code::InvalidArgument,
        "not_found" => Code::NotFound,
        "already_exists" => Code::AlreadyExists,
        "permission_denied" => Code::PermissionDenied,
        "failed_precondition" => Code::FailedPrecondition,
        "aborted" => Code::Aborted,
        other => panic!("no request here should end with {other}"),
    }
}
