//! From an event that is sent to who belongs where: in EvaluateCustomer and on WatchMemberships, at half of the peak at
//! which requests of this size are taken in. Every event makes its customer join or leave.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::BoxFuture};
use huan_chassis::feed::Position;
use huan_proto::{
    profile::v1::{self as profile, event_service_client::EventServiceClient},
    segment::v1::{
        self as pb, history_service_client::HistoryServiceClient, membership_service_client::MembershipServiceClient,
        segment_service_client::SegmentServiceClient, watch_memberships_response::Item,
    },
};
use tokio::{sync::mpsc, time::timeout};

use super::{Options, Row};
use crate::{
    bank::Sim,
    bench::pace,
    demo::{self, Desk},
    failure::{Failure, Result},
    load::Door,
    suite::{Place, Suite},
};

const TENANT: &str = "bench";
/// Who has moved money an odd number of times: with each event it holds or ceases to.
const SEGMENT: &str = "bench_odd";
const RULE: &str = "txn_count_30d % 2 == 1";
/// Events in a request, each of another customer.
const SMALL: usize = 20;
/// Requests in flight when the peak is looked for.
const IN_FLIGHT: usize = 8;
/// How often EvaluateCustomer is asked how far it is.
const EVERY: Duration = Duration::from_millis(2);
/// How long nothing may come before nothing more is waited for.
const QUIET: Duration = Duration::from_secs(5);
/// The share of events whose move may not be seen: two of one customer's that are judged together cancel out.
const CANCELLED: f64 = 0.02;
/// The budget, in milliseconds.
const BUDGET: f64 = 1000.0;

/// Whom calls tell what they do, each with the time at which the events were sent.
#[derive(Clone)]
struct Told {
    /// Whose events these are, before they are sent.
    sent: mpsc::UnboundedSender<(Instant, Vec<String>)>,
    /// The position that has seen them.
    committed: mpsc::UnboundedSender<(Instant, Position)>,
}

/// Measures on a suite of its own.
pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let customers = demo::prepare(&suite.doors, TENANT, 1, options.customers).await?;
    let [desk, segment] = [suite.doors.services["profile"], suite.doors.services["segment"]]
        .map(|address| Desk::at(address, &suite.doors, TENANT));
    let (admin, segment) = (desk?.door("admin"), segment?);
    create_segment(&segment.door("strategist")).await?;

    let length = Duration::from_secs(options.seconds);
    let payment = payment(options.customers)?;
    let ingest = ingest(admin, customers.clone(), payment);
    let peak = {
        let (ingest, told) =
            (ingest.clone(), Told { sent: mpsc::unbounded_channel().0, committed: mpsc::unbounded_channel().0 });
        pace::closed(IN_FLIGHT, length, move |number| ingest("peak", number, told.clone())).await?
    };
    demo::wait_for_feeds(&suite.doors, "segment").await?;

    let ((sent, moved), (committed, commits)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let told = Told { sent, committed };
    let moves = watch(&segment.door("analyst")).await?;
    let evaluating = tokio::spawn(evaluate(segment.door("relationship_manager"), customers[0].clone(), commits));
    let watching = tokio::spawn(see(moves, moved));
    pace::open_p99(peak / 2.0, length, move |number| ingest("paced", number, told.clone())).await?;
    let ended = |error: tokio::task::JoinError| Failure::new(error.to_string());
    let evaluated = evaluating.await.map_err(ended)??;
    let watched = watching.await.map_err(ended)??;
    suite.stop().await?;
    let rate = (peak / 2.0 * SMALL as f64).round();
    let row = |what: &str, millis: f64| {
        Row::time(&format!("event sent to {what}, p99 at {rate} events/s, half of peak"), "ms", millis, BUDGET, 1.0)
    };
    Ok(vec![row("seen by EvaluateCustomer", evaluated), row("a move on WatchMemberships", watched)])
}

async fn create_segment(door: &Door) -> Result<()> {
    let segment = pb::Segment {
        segment_id: SEGMENT.to_owned(),
        display_name: "An odd number of movements".to_owned(),
        rule: RULE.to_owned(),
        ..Default::default()
    };
    let request = pb::CreateSegmentRequest { request_id: SEGMENT.to_owned(), segment: Some(segment) };
    SegmentServiceClient::new(door.channel.clone()).create_segment(door.request(request)).await?;
    Ok(())
}

/// The latest payment by card of the simulated bank: within thirty days of its business day.
fn payment(customers: u32) -> Result<profile::Event> {
    let bank = demo::bank(1, customers)?;
    let payments = bank.customers().flat_map(|sim: Sim| sim.events()).filter(|event| event.r#type == "card_payment");
    let latest = payments.max_by_key(|event| event.occur_time.map(|time| time.seconds));
    latest.ok_or_else(|| Failure::new("nobody pays by card"))
}

/// A call that sends one event of each of the next customers.
fn ingest(
    door: Door,
    customers: Vec<String>,
    payment: profile::Event,
) -> impl Fn(&'static str, u64, Told) -> BoxFuture<'static, Result<()>> + Clone + Send {
    let customers = Arc::new(customers);
    move |round, number, told| {
        let (door, customers, payment) = (door.clone(), customers.clone(), payment.clone());
        Box::pin(async move {
            let from = number as usize * SMALL;
            let event = |place: usize| profile::Event {
                source_id: format!("{round}-{place}"),
                customer_id: customers[place % customers.len()].clone(),
                ..payment.clone()
            };
            let events: Vec<_> = (from..from + SMALL).map(event).collect();
            let customers = events.iter().map(|event| event.customer_id.clone()).collect();
            let (sent, request) = (Instant::now(), door.request(profile::IngestEventsRequest { events }));
            // Nobody listens while the peak is looked for.
            let _ = told.sent.send((sent, customers));
            let answer = EventServiceClient::new(door.channel.clone()).ingest_events(request).await?.into_inner();
            let _ = told.committed.send((sent, position(&answer.position)?));
            Ok(())
        })
    }
}

/// Asks until every commit is in what an answer stands for.
async fn evaluate(
    door: Door,
    customer_id: String,
    mut commits: mpsc::UnboundedReceiver<(Instant, Position)>,
) -> Result<f64> {
    let mut client = MembershipServiceClient::new(door.channel.clone());
    let (mut waiting, mut times) = (Vec::new(), Vec::new());
    while !(commits.is_closed() && commits.is_empty() && waiting.is_empty()) {
        tokio::time::sleep(EVERY).await;
        while let Ok(commit) = commits.try_recv() {
            waiting.push(commit);
        }
        let request = pb::EvaluateCustomerRequest { customer_id: customer_id.clone(), ..Default::default() };
        let answer = client.evaluate_customer(door.request(request)).await?.into_inner();
        let passed = position(&answer.position)?;
        waiting.retain(|(sent, position)| {
            let seen = *position <= passed;
            if seen {
                times.push(sent.elapsed());
            }
            !seen
        });
    }
    p99(times)
}

/// Begins to watch who joins and leaves the segment, after all who are in it already.
async fn watch(door: &Door) -> Result<tonic::Streaming<pb::WatchMembershipsResponse>> {
    let asked = pb::WatchMembershipsRequest { memberships: vec![SEGMENT.to_owned()], ..Default::default() };
    let mut client = HistoryServiceClient::new(door.channel.clone());
    let mut moves = client.watch_memberships(door.request(asked)).await?.into_inner();
    while let Some(item) = moves.next().await {
        if let Some(Item::Heartbeat(_)) = item?.item {
            return Ok(moves);
        }
    }
    Err(Failure::new("the feed of memberships ended"))
}

/// Takes moves until each event's was seen, or nothing comes any more. A move is charged to the customer's first event
/// that was not seen yet.
async fn see(
    mut moves: tonic::Streaming<pb::WatchMembershipsResponse>,
    mut sent: mpsc::UnboundedReceiver<(Instant, Vec<String>)>,
) -> Result<f64> {
    let (mut waiting, mut times, mut events) = (HashMap::<String, Vec<Instant>>::new(), Vec::new(), 0_usize);
    let mut last = Instant::now();
    while last.elapsed() < QUIET {
        let Ok(item) = timeout(QUIET, moves.next()).await else { break };
        let (seen, item) = (Instant::now(), item.ok_or_else(|| Failure::new("the feed of memberships ended"))??.item);
        while let Ok((sent, customers)) = sent.try_recv() {
            events += customers.len();
            for customer in customers {
                waiting.entry(customer).or_default().push(sent);
            }
        }
        let Some(Item::Change(change)) = item else { continue };
        last = seen;
        let sent = waiting.remove(&change.header.unwrap_or_default().customer_id);
        // Others moved by what was sent before.
        times.extend(sent.and_then(|sent| sent.into_iter().next()).map(|sent| seen.duration_since(sent)));
    }
    if times.len() < ((1.0 - CANCELLED) * events as f64) as usize || events == 0 {
        return Err(Failure::new(format!("{} moves were seen of {events} events", times.len())));
    }
    p99(times)
}

fn p99(mut times: Vec<Duration>) -> Result<f64> {
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).ok_or_else(|| Failure::new("nothing was seen"))?;
    Ok(p99.as_secs_f64() * 1000.0)
}

fn position(text: &str) -> Result<Position> {
    text.parse().map_err(|_| Failure::new(format!("{text} is no feed position")))
}
