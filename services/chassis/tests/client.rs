//! Calls through the chassis' channel, to real servers.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use bank::{Bank, Customers, DEADLINE, EAST, FAR, SLOW, get};
use huan_chassis::{client, config, error::reason, telemetry::tracers::Tracers, token::Keys};
use huan_proto::error::v1::ErrorReason;
use huan_proto::profile::v1::{self as pb, customer_service_client::CustomerServiceClient};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tonic::Code;
use tracing_subscriber::layer::SubscriberExt as _;

#[tokio::test]
async fn a_call_that_only_reads_is_sent_again_until_the_other_side_is_there() {
    let customers = Customers::default();
    customers.away.store(2, Ordering::SeqCst);
    let bank = Bank::open(customers.clone()).await;
    let answer = bank.customers().await.get_customer(bank.service(Some("bank"), get(EAST))).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(customers.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_call_that_changes_something_is_sent_once() {
    let customers = Customers::default();
    customers.away.store(1, Ordering::SeqCst);
    let bank = Bank::open(customers.clone()).await;
    let create = bank.service(Some("bank"), pb::CreateCustomerRequest::default());
    let answer = bank.customers().await.create_customer(create).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
    assert_eq!(customers.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_failed_dependency() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let keys = Arc::new(Keys::generate().0);
    let upstream = config::Upstream { url, timeout_millis: 10_000 };
    let channel = client::connect_lazy(&upstream, keys, "test").await.unwrap();
    let request = channel.request(Some("bank"), get(EAST));
    let status = CustomerServiceClient::new(channel).get_customer(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, Some(ErrorReason::Dependency)));
    assert_eq!(status.message(), "profile cannot be reached");
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_the_usual_one() {
    let bank = Bank::open(Customers::default()).await;
    let mut client = CustomerServiceClient::new(bank.channel(50).await);
    let call = client.get_customer(bank.service(Some("bank"), get(SLOW)));
    let status = tokio::time::timeout(Duration::from_secs(10), call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_callers_deadline_goes_along() {
    let (_near, note) = through_two_banks(Some(Duration::from_secs(3))).await;
    let micros: u64 = note.strip_suffix('u').unwrap().parse().unwrap();
    assert!(micros > 0 && micros <= 3_000_000, "{note}");
}

async fn through_two_banks(timeout: Option<Duration>) -> (Bank, String) {
    let far = Bank::open(Customers::default()).await;
    let further = Some(far.channel(60_000).await);
    let near = Bank::open_with(Customers { further, ..Customers::default() }, far.keys.clone()).await;
    let mut request = near.service(Some("bank"), get(FAR));
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let answer = near.customers().await.get_customer(request).await.unwrap();
    let customer = answer.into_inner().customer.unwrap();
    assert_eq!(customer.customer_id, DEADLINE);
    (near, customer.manager_id)
}

#[derive(Clone, Debug, Default)]
struct Sink(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Sink {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

#[tokio::test]
async fn one_call_through_two_services_is_one_trace() {
    let sink = Sink::default();
    let exporter = sink.clone();
    let make = move |resource| {
        Ok(SdkTracerProvider::builder().with_resource(resource).with_simple_exporter(exporter.clone()).build())
    };
    let tracers = Tracers::new("huan", make).unwrap();
    let _installed = tracing::subscriber::set_default(tracing_subscriber::registry().with(tracers.layer()));
    through_two_banks(None).await;

    let whole = |spans: &Vec<SpanData>| {
        spans.iter().filter(|span| span.parent_span_id == opentelemetry::trace::SpanId::INVALID).count() == 1
            && spans.len() == 4
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while !whole(&sink.0.lock().unwrap()) && tokio::time::Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    let spans = sink.0.lock().unwrap();
    // Caller's client span, near's server span, near's client span, far's server span: each below the one before.
    let kinds: Vec<_> = spans.iter().map(|span| (span.name.as_ref(), format!("{:?}", span.span_kind))).collect();
    assert_eq!(spans.len(), 4, "{kinds:?}");
    let trace = spans[0].span_context.trace_id();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace), "{kinds:?}");
    assert!(spans.iter().all(|span| span.name == "huan.profile.v1.CustomerService/GetCustomer"), "{kinds:?}");
    let parents: std::collections::HashSet<_> = spans.iter().map(|span| span.parent_span_id).collect();
    assert_eq!(parents.len(), 4, "a chain: {kinds:?}");
    for span in spans.iter() {
        let status = span.attributes.iter().find(|a| a.key.as_str() == "rpc.grpc.status_code");
        assert_eq!(status.unwrap().value, opentelemetry::Value::I64(0), "{span:?}");
        assert!(!format!("{:?}", span.attributes).contains("bank"), "{span:?}");
    }
}
