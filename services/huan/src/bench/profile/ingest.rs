//! Events over gRPC, durable and with features updated, beside the bare insert of the same rows into the same table of an
//! empty store: the very rows that the service wrote, same indexes, same batches. Then the time to the acknowledgement of
//! smaller requests at half of the most that can be had of those, what the process grows by while many events come in, and a
//! feature's backfill from all of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use huan_chassis::{Error, store::connect};
use huan_profile::store::entity::event;
use huan_proto::profile::v1::{self as pb, event_service_client::EventServiceClient};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _, QueryOrder as _};

use super::{Place, Service, backfill};
use crate::{
    bank::Sim,
    bench::{Options, Row, pace, resident},
    demo,
    failure::Result,
    load::Door,
};

/// Customers at least, and the most of each one's events, the newest: among fewer customers those of a commit are met again
/// and again, which is written once.
const CUSTOMERS: u32 = 10_000;
const EVENTS: usize = 50;
/// Events in a request, and rows in a bare transaction.
const BATCH: usize = 1000;
/// Rows in a bare statement, which stays below SQLite's limit of bound values.
const STATEMENT: usize = 100;
/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Events in a request of the latency's measure, and as many of those in flight at the peak as there are events in flight
/// at the other.
const SMALL: usize = 100;
const SMALL_IN_FLIGHT: usize = IN_FLIGHT * BATCH / SMALL;
/// The latency is measured for so long at least: a kernel writes what files have grown by every 30 s, all at once.
const MINUTE: Duration = Duration::from_secs(60);

/// Measures on a service of its own.
pub async fn run(options: &Options, place: &Place) -> Result<Vec<Row>> {
    let bank = demo::bank(1, options.customers.max(CUSTOMERS))?;
    let newest = |sim: Sim| sim.events().into_iter().rev().take(EVENTS);
    let mut events: Vec<pb::Event> = bank.customers().flat_map(newest).collect();
    // As they happen, and not one customer after the other: hardly two in a request are of the same one.
    events.sort_by_key(|event| event.occur_time.as_ref().map_or(0, |time| time.seconds));
    let service = Service::with_customers(place, &bank).await?;
    let door = service.desk.door("admin");
    let count = events.len() as f64;
    let started = Instant::now();
    send(&door, events.chunks(BATCH).map(<[pb::Event]>::to_vec)).await?;
    let ours = count / started.elapsed().as_secs_f64();
    let sent = stored(&service).await?;
    let (peak, p99) = acknowledged(&door, &events, place, Duration::from_secs(options.seconds)).await?;
    let bare = bare(sent, place).await?;
    let mut rows = vec![
        Row::rate(&format!("events ingested beside bare inserts, {}", place.name), "events/s", ours, bare, 0.25),
        Row::rate(
            &format!("in requests of {SMALL} beside those of {BATCH}, {}", place.name),
            "events/s",
            peak,
            ours,
            0.5,
        ),
        Row::time(&format!("their acknowledgement p99 at half of that, {}", place.name), "ms", p99, 50.0, 1.0),
    ];
    rows.extend(memory(options, place, &door, &events).await?);
    rows.push(backfill::run(&service, place).await?);
    service.stop().await?;
    Ok(rows)
}

async fn send(door: &Door, batches: impl Iterator<Item = Vec<pb::Event>>) -> Result<()> {
    let calls = stream::iter(batches).map(|events| async move {
        let mut client = EventServiceClient::new(door.channel.clone());
        client.ingest_events(door.request(pb::IngestEventsRequest { events })).await.map(drop)
    });
    calls.buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// The most events a second in small requests, and the 99th percentile in milliseconds of the time to an acknowledgement at
/// half of that.
async fn acknowledged(door: &Door, events: &[pb::Event], place: &Place, length: Duration) -> Result<(f64, f64)> {
    let (door, events) = (door.clone(), Arc::new(events.to_vec()));
    let call = move |round: &'static str, number: u64| {
        let batch = again(&events, round, number as usize * SMALL, SMALL);
        let (request, channel) = (door.request(pb::IngestEventsRequest { events: batch }), door.channel.clone());
        async move { EventServiceClient::new(channel).ingest_events(request).await.map(drop) }
    };
    let closed = call.clone();
    let peak = pace::closed(SMALL_IN_FLIGHT, length, move |number| closed("small", number)).await?;
    place.settle().await?;
    let p99 = pace::open_p99(peak / 2.0, length.max(MINUTE), move |number| call("late", number)).await?;
    Ok((peak * SMALL as f64, p99.as_secs_f64() * 1000.0))
}

/// What the process holds after all further events, beside what it holds after the first tenth of them.
async fn memory(options: &Options, place: &Place, door: &Door, events: &[pb::Event]) -> Result<Option<Row>> {
    let batches = options.events as usize / BATCH;
    if batches < 10 {
        return Ok(None);
    }
    let round = |from: usize, to: usize| (from..to).map(|number| again(events, "more", number * BATCH, BATCH));
    send(door, round(0, batches / 10)).await?;
    let first = resident()?;
    send(door, round(batches / 10, batches)).await?;
    let work = format!("memory after {} more events beside that after a tenth, {}", options.events, place.name);
    Ok(Some(Row::time(&work, "MB", resident()?, first, 1.2)))
}

/// A run of events, from the first again when all were sent, with ids of their own.
fn again(events: &[pb::Event], round: &str, from: usize, count: usize) -> Vec<pb::Event> {
    let one = |number: usize| {
        let event = events[number % events.len()].clone();
        pb::Event { source_id: format!("{round}-{number}"), ..event }
    };
    (from..from + count).map(one).collect()
}

/// The rows that the service wrote, in the order in which they were sent.
async fn stored(service: &Service) -> Result<Vec<event::Model>> {
    let rows = event::Entity::find().order_by_asc(event::Column::OccurTime);
    Ok(rows.all(&connect(&service.database).await?).await.map_err(Error::from)?)
}

/// Rows a second, inserted into an empty store.
async fn bare(rows: Vec<event::Model>, place: &Place) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let store = place.bare(folder.path()).await?;
    let started = Instant::now();
    for batch in rows.chunks(BATCH) {
        let tx = store.begin().await?;
        for statement in batch.chunks(STATEMENT) {
            let models = statement.iter().cloned().map(|row| row.into_active_model().reset_all());
            event::Entity::insert_many(models).exec_without_returning(&*tx).await.map_err(Error::from)?;
        }
        tx.commit().await?;
    }
    store.close();
    Ok(rows.len() as f64 / started.elapsed().as_secs_f64())
}
