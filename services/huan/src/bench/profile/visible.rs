//! From an event's commit to where others see it: in GetProfile, and on WatchProfiles, at half of the peak at which
//! requests of this size are taken in.

use std::time::{Duration, Instant};

use futures::StreamExt;
use huan_chassis::feed::Position;
use huan_proto::profile::v1::{
    self as pb, event_service_client::EventServiceClient, profile_service_client::ProfileServiceClient,
    watch_profiles_response::Item,
};
use tokio::sync::mpsc;

use super::{Place, Service};
use crate::{
    bank::Sim,
    bench::{Options, Row, pace},
    demo,
    failure::{Failure, Result},
    load::Door,
};

/// Events in a request.
const SMALL: usize = 20;
/// Requests in flight when the peak is looked for.
const IN_FLIGHT: usize = 8;
/// The budget, in milliseconds.
const BUDGET: f64 = 1000.0;

/// A commit: when its answer came, and the position that has seen it.
type Commit = (Instant, Position);

/// Measures on a service of its own.
pub async fn run(options: &Options, place: &Place) -> Result<Vec<Row>> {
    let bank = demo::bank(1, options.customers)?;
    let events: Vec<pb::Event> = bank.customers().flat_map(|sim: Sim| sim.events()).collect();
    let service = Service::with_customers(place, &bank).await?;
    let door = service.desk.door("admin");
    let length = Duration::from_secs(options.seconds);
    let (commits, committed) = mpsc::unbounded_channel();
    let ingest = ingest(door.clone(), events, commits);
    let peak = {
        let ingest = ingest.clone();
        pace::closed(IN_FLIGHT, length, move |number| ingest("peak", number)).await?
    };
    let watcher = tokio::spawn(watch(service.watch().await?, committed));
    let read = pace::open_p99(peak / 2.0, length, move |number| ingest("paced", number)).await?;
    let watched = watcher.await.map_err(|error| Failure::new(error.to_string()))??;
    service.stop().await?;
    let row = |what: &str, millis: f64| {
        Row::time(&format!("sent to {what}, p99 at half of peak, {}", place.name), "ms", millis, BUDGET, 1.0)
    };
    Ok(vec![row("seen in GetProfile", read.as_secs_f64() * 1000.0), row("seen on WatchProfiles", watched)])
}

/// A call that sends some events and returns once GetProfile answers with what has seen them.
fn ingest(
    door: Door,
    events: Vec<pb::Event>,
    commits: mpsc::UnboundedSender<Commit>,
) -> impl Fn(&'static str, u64) -> futures::future::BoxFuture<'static, std::result::Result<(), Failure>> + Clone + Send
{
    let events = std::sync::Arc::new(events);
    move |round, number| {
        let (door, events, commits) = (door.clone(), events.clone(), commits.clone());
        Box::pin(async move {
            let from = number as usize * SMALL;
            // All of one customer, whose vector then has the position of the answer: that is of the last of its writers.
            let customer_id = events[from % events.len()].customer_id.clone();
            let one = |place: usize| {
                let event = events[place % events.len()].clone();
                pb::Event { source_id: format!("{round}-{place}"), customer_id: customer_id.clone(), ..event }
            };
            let batch: Vec<pb::Event> = (from..from + SMALL).map(one).collect();
            let (sent, request) = (Instant::now(), door.request(pb::IngestEventsRequest { events: batch }));
            let answer = EventServiceClient::new(door.channel.clone()).ingest_events(request).await?.into_inner();
            let position = position(&answer.position)?;
            if round == "paced" {
                // The watcher ends when it has seen all; nobody misses a commit after that.
                let _ = commits.send((sent, position));
            }
            seen(&door, &customer_id, position).await
        })
    }
}

/// Reads the profile until it stands for the position.
async fn seen(door: &Door, customer_id: &str, wanted: Position) -> Result<()> {
    let mut client = ProfileServiceClient::new(door.channel.clone());
    loop {
        let request = pb::GetProfileRequest { customer_id: customer_id.to_owned(), ..Default::default() };
        let answer = client.get_profile(door.request(request)).await?.into_inner();
        if position(&answer.position)? >= wanted {
            return Ok(());
        }
    }
}

/// Watches until every commit was seen; answers with the 99th percentile in milliseconds.
async fn watch(
    mut changes: tonic::Streaming<pb::WatchProfilesResponse>,
    mut commits: mpsc::UnboundedReceiver<Commit>,
) -> Result<f64> {
    let (mut waiting, mut times, mut passed) = (Vec::<Commit>::new(), Vec::new(), Position::default());
    loop {
        tokio::select! {
            commit = commits.recv() => match commit {
                Some(commit) => waiting.push(commit),
                None if waiting.is_empty() => break,
                None => passed = next(&mut changes).await?,
            },
            cursor = next(&mut changes) => passed = cursor?,
        }
        waiting.retain(|(sent, position)| {
            let seen = *position <= passed;
            if seen {
                times.push(sent.elapsed());
            }
            !seen
        });
    }
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).ok_or_else(|| Failure::new("nothing was seen"))?;
    Ok(p99.as_secs_f64() * 1000.0)
}

/// The cursor of the next item.
async fn next(changes: &mut tonic::Streaming<pb::WatchProfilesResponse>) -> Result<Position> {
    let item = changes.next().await.ok_or_else(|| Failure::new("the feed ended"))??;
    match item.item {
        Some(Item::Change(change)) => position(&change.header.unwrap_or_default().cursor),
        Some(Item::Heartbeat(heartbeat)) => position(&heartbeat.cursor),
        None => Ok(Position::default()),
    }
}

/// Reads a position; the rows of a snapshot have none.
fn position(text: &str) -> Result<Position> {
    if text.is_empty() {
        return Ok(Position::default());
    }
    text.parse().map_err(|_| Failure::new(format!("{text} is no feed position")))
}
