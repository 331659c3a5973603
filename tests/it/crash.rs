//! Kill -9 in the middle of ingest and of deciding: what was acknowledged is there once, feeds go on, nothing is decided
//! twice, no cap is exceeded.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use huan::demo::{self, Desk};
use huan_proto::{
    profile::v1::{self as profile, event_service_client::EventServiceClient},
    strategy::v1::{self as strategy, decision_service_client::DecisionServiceClient},
};

use crate::{ask, process::Process};

/// Events in a batch.
const BATCH: usize = 20;
/// Batches sent in all.
const BATCHES: usize = 300;
/// Decisions asked for of each customer, more than any cap allows contacts.
const ROUNDS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_events_survive_a_kill_once_and_reach_segment() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::up(folder.path());
    let desk = Desk::new(&process.doors, "crash").unwrap();
    let bank = demo::bank(1, 100).unwrap();
    demo::load_customers(&desk, &bank).await.unwrap();

    let batches: Vec<Vec<profile::Event>> = (0..BATCHES).map(batch).collect();
    let acknowledged = ingest_until_killed(process, &desk, &batches, BATCHES / 4).await;
    assert!(!acknowledged.is_empty() && acknowledged.len() < BATCHES, "{} acknowledged", acknowledged.len());

    let process = Process::up(folder.path());
    let desk = Desk::new(&process.doors, "crash").unwrap();
    for (number, events) in batches.iter().enumerate() {
        let answer = ingest(&desk, events.clone()).await.unwrap();
        if acknowledged.contains(&number) {
            assert_eq!((answer.accepted, answer.duplicates), (0, BATCH as i32), "batch {number} was acknowledged");
        }
        assert_eq!(answer.accepted + answer.duplicates, BATCH as i32);
    }
    demo::wait_for_feeds(&process.doors, "segment").await.unwrap();
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    for event in batches.iter().flatten() {
        *expected.entry(event.customer_id.clone()).or_default() += 1.0;
    }
    for (customer_id, count) in expected {
        assert_eq!(ask::feature(&desk, &customer_id, "txn_count_ever").await, count, "{customer_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_decisions_survive_a_kill_once_and_caps_hold() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::up(folder.path());
    let customers = demo::prepare(&process.doors, "crash", 1, 150).await.unwrap();
    let desk = Desk::new(&process.doors, "crash").unwrap();
    let asked: Vec<(String, String)> =
        (0..ROUNDS).flat_map(|round| customers.iter().map(move |id| (format!("r{round}-{id}"), id.clone()))).collect();
    let acknowledged = decide_until_killed(process, &desk, &asked).await;
    assert!(!acknowledged.is_empty() && acknowledged.len() < asked.len(), "{} acknowledged", acknowledged.len());

    let process = Process::up(folder.path());
    demo::wait_for_feeds(&process.doors, "strategy").await.unwrap();
    let desk = Desk::new(&process.doors, "crash").unwrap();
    let mut contacts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut decisions = HashSet::new();
    for (request_id, customer_id) in &asked {
        let answer = decide(&desk, request_id, customer_id).await.unwrap();
        if let Some(before) = acknowledged.get(request_id) {
            assert_eq!(&answer, before, "an acknowledged decision is answered again, not made again");
        }
        assert!(decisions.insert(answer.decision_id.clone()), "no decision answers two requests");
        *contacts.entry(customer_id).or_default() += answer.picks.len();
    }
    assert!(contacts.values().any(|&count| count > 0), "somebody was contacted");
    assert!(contacts.values().all(|&count| count <= 2), "the map allows two marketing contacts: {contacts:?}");
    demo::wait_for_feeds(&process.doors, "evaluation").await.expect("the decision feed goes on");
    for customer_id in &customers {
        assert_eq!(kept(&desk, customer_id).await, ROUNDS, "{customer_id} has one decision a request");
    }
}

fn batch(number: usize) -> Vec<profile::Event> {
    (0..BATCH)
        .map(|row| profile::Event {
            source: "crash".to_owned(),
            source_id: format!("{number}-{row}"),
            customer_id: format!("c{:08}", (number * 7 + row) % 100),
            r#type: "card_payment".to_owned(),
            occur_time: Some(prost_types::Timestamp { seconds: 1_750_000_000 + row as i64 * 60, nanos: 0 }),
            amount_minor: 100,
            ..Default::default()
        })
        .collect()
}

async fn ingest(desk: &Desk, events: Vec<profile::Event>) -> Result<profile::IngestEventsResponse, tonic::Status> {
    let door = desk.door("admin");
    let mut client = EventServiceClient::new(door.channel.clone());
    client.ingest_events(door.request(profile::IngestEventsRequest { events })).await.map(tonic::Response::into_inner)
}

/// Sends batches side by side and kills the process once enough were acknowledged; which ones were.
async fn ingest_until_killed(
    process: Process,
    desk: &Desk,
    batches: &[Vec<profile::Event>],
    enough: usize,
) -> HashSet<usize> {
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    let count = Arc::new(AtomicUsize::new(0));
    let sending = stream::iter(batches.iter().cloned().enumerate()).for_each_concurrent(8, |(number, events)| {
        let (acknowledged, count) = (acknowledged.clone(), count.clone());
        async move {
            if ingest(desk, events).await.is_ok() {
                acknowledged.lock().unwrap().insert(number);
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    tokio::join!(sending, kill_after(process, count.clone(), enough));
    std::mem::take(&mut acknowledged.lock().unwrap())
}

async fn decide(desk: &Desk, request_id: &str, customer_id: &str) -> Result<strategy::DecideResponse, tonic::Status> {
    let door = desk.door("relationship_manager");
    let request = strategy::DecideRequest {
        request_id: request_id.to_owned(),
        customer_id: customer_id.to_owned(),
        ..Default::default()
    };
    let answer = DecisionServiceClient::new(door.channel.clone()).decide(door.request(request)).await?;
    Ok(answer.into_inner())
}

async fn decide_until_killed(
    process: Process,
    desk: &Desk,
    asked: &[(String, String)],
) -> BTreeMap<String, strategy::DecideResponse> {
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let count = Arc::new(AtomicUsize::new(0));
    let deciding = stream::iter(asked.iter()).for_each_concurrent(16, |(request_id, customer_id)| {
        let (acknowledged, count) = (acknowledged.clone(), count.clone());
        async move {
            if let Ok(answer) = decide(desk, request_id, customer_id).await {
                acknowledged.lock().unwrap().insert(request_id.clone(), answer);
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    tokio::join!(deciding, kill_after(process, count.clone(), asked.len() / 2));
    std::mem::take(&mut acknowledged.lock().unwrap())
}

async fn kill_after(process: Process, count: Arc<AtomicUsize>, enough: usize) {
    let reached = async {
        while count.load(Ordering::SeqCst) < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("enough calls are acknowledged");
    process.kill();
}

async fn kept(desk: &Desk, customer_id: &str) -> usize {
    let door = desk.door("auditor");
    let request =
        strategy::ListDecisionsRequest { customer_id: customer_id.to_owned(), page_size: 1000, ..Default::default() };
    let answer = DecisionServiceClient::new(door.channel.clone()).list_decisions(door.request(request)).await.unwrap();
    answer.into_inner().decisions.len()
}
