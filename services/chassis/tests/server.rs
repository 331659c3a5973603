//! The layers of the server, through real clients.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use std::time::Duration;

use bank::{Bank, Customers, EAST, SLOW, WEST, get};
use bytes::Bytes;
use http_body_util::Full;
use huan_chassis::error::{field_faults, reason};
use huan_proto::error::v1::ErrorReason;
use huan_proto::profile::v1::{self as pb, profile_service_client::ProfileServiceClient};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use prost::Message as _;
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, why: ErrorReason) -> Status {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (code, Some(why)), "{status:?}");
    status
}

#[track_caller]
fn out_of_scope<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) {
    let status = refused(answer, Code::PermissionDenied, ErrorReason::OutOfScope);
    assert_eq!(status.message(), format!("{field} lies outside the caller's scope"));
}

#[tokio::test]
async fn a_call_without_a_good_token_is_unauthenticated() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    refused(client.get_customer(get(EAST)).await, Code::Unauthenticated, ErrorReason::Unauthenticated);
    let other = Bank::open(Customers::default()).await;
    let foreign = other.user("relationship_manager", "/", get(EAST));
    refused(client.get_customer(foreign).await, Code::Unauthenticated, ErrorReason::Unauthenticated);
}

#[tokio::test]
async fn a_call_without_its_permission_is_refused() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    let answer = client.get_customer(bank.user("approver", "/", get(EAST))).await;
    let status = refused(answer, Code::PermissionDenied, ErrorReason::NoPermission);
    assert!(status.message().contains("profile.read"));
}

#[tokio::test]
async fn a_customer_outside_the_callers_path_is_out_of_scope() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    let manager = |id: &str| bank.user("relationship_manager", "/hq/east", get(id));
    assert!(client.get_customer(manager(EAST)).await.is_ok());
    out_of_scope(client.get_customer(manager(WEST)).await, "customer_id");
    refused(client.get_customer(manager("nobody")).await, Code::NotFound, ErrorReason::NotFound);
    assert!(client.get_customer(bank.user("relationship_manager", "/", get(WEST))).await.is_ok());
}

#[tokio::test]
async fn a_channel_token_reaches_its_one_customer() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    assert!(client.get_customer(bank.own(EAST, get(EAST))).await.is_ok());
    out_of_scope(client.get_customer(bank.own(EAST, get(WEST))).await, "customer_id");
    out_of_scope(client.get_customer(bank.own(EAST, get(""))).await, "customer_id");
    out_of_scope(client.list_customers(bank.own(EAST, pb::ListCustomersRequest::default())).await, "owner_path");
}

#[tokio::test]
async fn a_path_outside_the_callers_is_out_of_scope_and_none_passes() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    let list = |path: &str| {
        let message = pb::ListCustomersRequest { owner_path: path.to_owned(), ..Default::default() };
        bank.user("relationship_manager", "/hq/east", message)
    };
    assert!(client.list_customers(list("/hq/east/b1")).await.is_ok());
    assert!(client.list_customers(list("")).await.is_ok());
    out_of_scope(client.list_customers(list("/hq/eastern")).await, "owner_path");
}

#[tokio::test]
async fn an_import_stays_within_the_callers_scope() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    let import = |rows: &[(&str, &str)]| {
        let customer = |(id, path): &(&str, &str)| pb::Customer {
            customer_id: (*id).to_owned(),
            owner_path: (*path).to_owned(),
            ..Default::default()
        };
        let message = pb::ImportCustomersRequest { customers: rows.iter().map(customer).collect(), key_seed: 0 };
        bank.user("branch_manager", "/hq/east", message)
    };
    assert!(client.import_customers(import(&[("new", "/hq/east"), (EAST, "/hq/east/b2")])).await.is_ok());
    out_of_scope(client.import_customers(import(&[("new", "/hq/east"), ("new2", "/hq/west")])).await, "owner_path");
    out_of_scope(client.import_customers(import(&[(WEST, "/hq/east")])).await, "customer_id");
}

#[tokio::test]
async fn a_service_reaches_all_and_names_the_tenant() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    assert!(client.get_customer(bank.service(Some("bank"), get(WEST))).await.is_ok());
    let answer = client.get_customer(bank.service(None, get(WEST))).await;
    let status = refused(answer, Code::InvalidArgument, ErrorReason::InvalidField);
    assert_eq!(field_faults(&status)[0].field, "huan-tenant");
}

#[tokio::test]
async fn personal_fields_are_masked_for_users_who_may_not_see_them() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = bank.customers().await;
    let phone = |customer: &pb::Customer| customer.person.as_ref().unwrap().phone.clone();
    for (request, seen) in [
        (bank.user("analyst", "/", get(EAST)), "*******8000"),
        (bank.user("relationship_manager", "/", get(EAST)), "13800138000"),
        (bank.service(Some("bank"), get(EAST)), "13800138000"),
    ] {
        let customer = client.get_customer(request).await.unwrap().into_inner().customer.unwrap();
        assert_eq!((customer.customer_id.as_str(), phone(&customer).as_str()), (EAST, seen));
    }
    let listed = client.list_customers(bank.user("analyst", "/", pb::ListCustomersRequest::default())).await.unwrap();
    let names: Vec<_> = listed.get_ref().customers.iter().map(|c| c.person.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["张**", "张**"]);
    let refusal = client.get_customer(bank.user("analyst", "/", get("nobody"))).await;
    refused(refusal, Code::NotFound, ErrorReason::NotFound);
}

#[tokio::test]
async fn the_callers_deadline_is_kept() {
    let bank = Bank::open(Customers::default()).await;
    // Not tonic's client, which keeps the deadline too.
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut frame = vec![0, 0, 0, 0, get(SLOW).encoded_len() as u8];
    frame.extend(get(SLOW).encode_to_vec());
    let token = bank.service(Some("bank"), ()).metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
    let request = http::Request::post(format!("{}/huan.profile.v1.CustomerService/GetCustomer", bank.url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", token)
        .header("huan-tenant", "bank")
        .header("grpc-timeout", "50m")
        .body(Full::from(frame))
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), http.request(request)).await.unwrap().unwrap();
    assert_eq!(answer.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn what_is_not_in_the_contracts_is_not_served() {
    let bank = Bank::open(Customers::default()).await;
    let mut grpc = tonic::client::Grpc::new(bank.bare());
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/huan.profile.v1.CustomerService/DropCustomers");
    let codec = tonic_prost::ProstCodec::<pb::GetCustomerRequest, pb::GetCustomerResponse>::default();
    let answer = grpc.unary(bank.service(Some("bank"), get(EAST)), path, codec).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn health_and_reflection_are_open() {
    let bank = Bank::open(Customers::default()).await;
    let mut health = HealthClient::new(bank.bare());
    for service in ["", "huan.profile.v1.CustomerService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    }
    let services = reflected_services(&bank).await;
    assert!(services.contains(&"huan.profile.v1.CustomerService".to_owned()), "{services:?}");
    assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
}

async fn reflected_services(bank: &Bank) -> Vec<String> {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let ask = ServerReflectionRequest { host: String::new(), message_request };
    let mut client = ServerReflectionClient::new(bank.bare());
    let mut answers =
        client.server_reflection_info(Request::new(futures::stream::iter([ask]))).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response.unwrap() {
        MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|service| service.name).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_of_personal_data_is_for_those_who_may_see_it() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = ProfileServiceClient::new(bank.channel(10_000).await);
    let answer = client.watch_profiles(bank.user("admin", "/", pb::WatchProfilesRequest::default())).await;
    refused(answer.map(|_| ()), Code::PermissionDenied, ErrorReason::NoPermission);
}

#[tokio::test]
async fn streams_end_and_serving_stops_when_told_to() {
    let mut bank = Bank::open(Customers::default()).await;
    let mut client = ProfileServiceClient::new(bank.channel(10_000).await);
    let mut health = HealthClient::new(bank.bare());
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let watch = bank.service(None, pb::WatchProfilesRequest::default());
    let mut stream = client.watch_profiles(watch).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    bank.stop();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((states, health, stream, client));
    tokio::time::timeout(Duration::from_secs(5), &mut bank.served).await.unwrap().unwrap().unwrap();
}
