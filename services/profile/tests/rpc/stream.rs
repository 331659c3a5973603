//! StreamEvents, and events that name an identity.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use huan_chassis::{clock, token::Claims};
use huan_proto::profile::v1::{self as pb, event_service_client::EventServiceClient};
use tonic::Code;

use crate::bank::*;

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank.register(&["salary", "app_login"], &[]).await;
    bank
}

fn batch(sequence: i64, events: Vec<pb::Event>) -> pb::StreamEventsRequest {
    pb::StreamEventsRequest { sequence, events }
}

fn device(value: &str) -> Option<pb::Identity> {
    Some(pb::Identity { namespace: "app_device".into(), value: value.into(), ..Default::default() })
}

fn of_device(source_id: &str, value: &str) -> pb::Event {
    pb::Event { customer_id: String::new(), identity: device(value), ..event(source_id, "app_login", NOON, 0) }
}

#[tokio::test]
async fn batches_are_answered_in_order_after_their_commit() {
    let bank = open().await;
    let batches =
        (1..=40).map(|n| batch(n * 10, vec![event(&n.to_string(), "salary", NOON, 1), event("0", "bonus", NOON, 1)]));
    let answers = bank.events().stream_events(bank.service(stream::iter(batches))).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap()).collect().await;
    assert_eq!(
        answers.iter().map(|answer| answer.sequence).collect::<Vec<_>>(),
        (1..=40).map(|n| n * 10).collect::<Vec<_>>()
    );
    for answer in &answers {
        assert_eq!((answer.accepted, answer.duplicates, answer.faults.len()), (1, 0, 1));
        assert_eq!(answer.faults[0].field, "events[1].type");
    }
    assert!(!answers[39].position.is_empty());
    assert_eq!(bank.number("C-1", "salary_count_90d").await, Some(40.0));
}

#[tokio::test]
async fn an_acknowledged_batch_is_there_while_the_stream_goes_on() {
    let bank = open().await;
    let (send, sent) = futures::channel::mpsc::channel(1);
    let mut send = send;
    let mut answers = bank.events().stream_events(bank.service(sent)).await.unwrap().into_inner();
    for n in 1..=3 {
        futures::SinkExt::send(&mut send, batch(n, vec![event(&n.to_string(), "salary", NOON, 1)])).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().sequence, n);
        assert_eq!(bank.number("C-1", "salary_count_90d").await, Some(n as f64));
    }
    drop(send);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_fault_of_a_batch_ends_the_stream() {
    let bank = open().await;
    for (bad, field) in [(batch(1, vec![event("2", "salary", NOON, 1)]), "sequence"), (batch(2, vec![]), "events")] {
        let batches =
            vec![batch(1, vec![event("1", "salary", NOON, 1)]), bad, batch(3, vec![event("3", "salary", NOON, 1)])];
        let mut answers = bank.events().stream_events(bank.service(stream::iter(batches))).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap().sequence, 1);
        assert_eq!(fields::<()>(Err(answers.message().await.unwrap_err())), [field]);
    }
    let none = bank.user("bank", "strategist", "/", stream::iter(Vec::<pb::StreamEventsRequest>::new()));
    let refusal = bank.events().stream_events(none).await.map(|_| tonic::Response::new(()));
    assert_eq!(refused(refusal), NO_PERMISSION);
}

#[tokio::test]
async fn another_branchs_events_cannot_be_streamed() {
    let bank = open().await;
    let own = || batch(1, vec![event("1", "salary", NOON, 1)]);
    let foreign = || batch(2, vec![pb::Event { customer_id: "C-2".into(), ..event("2", "salary", NOON, 1) }]);
    let east = bank.user("bank", "admin", "/hq/east", stream::iter([own(), foreign()]));
    let mut answers = bank.events().stream_events(east).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().accepted, 1);
    assert_eq!(refused::<()>(Err(answers.message().await.unwrap_err())), OUT_OF_SCOPE);
    assert_eq!(bank.number("C-2", "salary_count_90d").await, Some(0.0));
    let claims = Claims::user("app", "bank", &["channel"], "/", clock::system_now());
    let claims = Claims { customer_id: Some("C-1".into()), ..claims };
    let app = bank.bearer(&claims, stream::iter([foreign()]));
    let mut answers = bank.events().stream_events(app).await.unwrap().into_inner();
    assert_eq!(refused::<()>(Err(answers.message().await.unwrap_err())), OUT_OF_SCOPE);
}

#[tokio::test]
async fn a_sender_who_does_not_read_is_held_back() {
    let bank = open().await;
    let pulled = Arc::new(AtomicI64::new(0));
    let counted = pulled.clone();
    // 60 KB each, and an answer of more than 1 KB: more of both than the windows of the two sides hold.
    let batches = stream::iter(1..=200).map(move |n| {
        counted.store(n, Ordering::SeqCst);
        let events = (0..20).map(|i| event(&format!("{n}-{i}-{}", "x".repeat(3000)), "salary", NOON, 1));
        batch(n, events.collect())
    });
    let mut client = EventServiceClient::new(bank.narrow());
    let answers = client.stream_events(bank.service(batches)).await.unwrap().into_inner();
    let settled = async || {
        let before = pulled.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        before > 0 && before == pulled.load(Ordering::SeqCst)
    };
    eventually(settled).await;
    assert!(pulled.load(Ordering::SeqCst) < 200, "{}", pulled.load(Ordering::SeqCst));
    assert_eq!(answers.count().await, 200);
}

#[tokio::test]
async fn an_event_finds_its_customer_by_an_identity() {
    let bank = open().await;
    let add = pb::AddIdentityRequest { customer_id: "C-1".into(), identity: device("d-1") };
    bank.identities().add_identity(bank.service(add)).await.unwrap();
    let phone = Some(pb::Identity { namespace: "phone".into(), value: "1".into(), ..Default::default() });
    let unknown = pb::Event { identity: phone, ..of_device("3", "") };
    let both = pb::Event { customer_id: "C-1".into(), ..of_device("4", "d-1") };
    let none = pb::Event { identity: None, ..of_device("5", "") };
    let empty = of_device("6", "");
    let done = bank.ingest(vec![of_device("1", "d-1"), of_device("2", "d-new"), unknown, both, none, empty]).await;
    assert_eq!(done.accepted, 2);
    let named: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    let expected = ["events[2].identity", "events[3].identity", "events[4].customer_id", "events[5].identity.value"];
    assert_eq!(named, expected);
    assert_eq!(bank.number("C-1", "login_count_30d").await, Some(1.0));
    let resolve = pb::ResolveIdentityRequest { identity: device("d-new") };
    let visitor = bank.identities().resolve_identity(bank.service(resolve)).await.unwrap().into_inner().customer_id;
    assert_eq!(bank.number(&visitor, "login_count_30d").await, Some(1.0));
    assert_eq!(bank.ingest(vec![of_device("2", "d-new")]).await.duplicates, 1);
}

#[tokio::test]
async fn an_identity_reaches_no_further_than_its_sender() {
    let bank = open().await;
    for (customer_id, value) in [("C-1", "d-1"), ("C-2", "d-2")] {
        let add = pb::AddIdentityRequest { customer_id: customer_id.into(), identity: device(value) };
        bank.identities().add_identity(bank.service(add)).await.unwrap();
    }
    let events = vec![of_device("1", "d-1"), of_device("2", "d-2"), of_device("3", "d-new")];
    let east = bank.user("bank", "admin", "/hq/east", pb::IngestEventsRequest { events: events.clone() });
    let done = bank.events().ingest_events(east).await.unwrap().into_inner();
    assert_eq!(done.accepted, 1);
    let named: Vec<_> = done.faults.iter().map(|fault| (fault.field.as_str(), fault.description.as_str())).collect();
    assert_eq!(named, [("events[1].identity", "is nobody's"), ("events[2].identity", "is nobody's")]);
    let resolve = pb::ResolveIdentityRequest { identity: device("d-new") };
    assert_eq!(refused(bank.identities().resolve_identity(bank.service(resolve)).await), MISSING);

    let claims = Claims::user("app", "bank", &["channel"], "/", clock::system_now());
    let claims = Claims { customer_id: Some("C-1".into()), ..claims };
    let alone = bank.bearer(&claims, pb::IngestEventsRequest { events: events.clone() });
    assert_eq!(refused(bank.events().ingest_events(alone).await).0, Code::PermissionDenied);
    let beside = [vec![event("4", "app_login", NOON, 0)], events].concat();
    let beside = bank.bearer(&claims, pb::IngestEventsRequest { events: beside });
    let done = bank.events().ingest_events(beside).await.unwrap().into_inner();
    assert_eq!((done.accepted, done.duplicates, done.faults.len()), (1, 1, 2));
}

#[tokio::test]
async fn an_open_stream_does_not_keep_the_service_from_going() {
    let bank = open().await;
    let (_send, sent) = futures::channel::mpsc::channel::<pb::StreamEventsRequest>(1);
    let mut answers = bank.events().stream_events(bank.service(sent)).await.unwrap().into_inner();
    let told = async { assert_eq!(answers.message().await.unwrap_err().code(), Code::Unavailable) };
    let going = async { tokio::join!(bank.close(), told) };
    tokio::time::timeout(Duration::from_secs(8), going).await.expect("the drain is not waited out");
}
