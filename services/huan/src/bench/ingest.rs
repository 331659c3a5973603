//! Events through the gateway, durable and with features updated, beside the bare insert of the same rows into the same
//! table of an empty store: same columns, same indexes, same batches.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use huan_chassis::store::Store;
use huan_profile::store::{entity::event, migration::Migrator};
use huan_proto::profile::v1::{self as pb, event_service_client::EventServiceClient};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};

use super::{Options, Row};
use crate::{
    bank::Sim,
    demo::{self, Desk},
    failure::Result,
    suite::{Place, Suite},
};

/// Events in a request, and rows in a bare transaction.
const BATCH: usize = 1000;
/// Rows in a bare statement, which stays below SQLite's limit of bound values.
const STATEMENT: usize = 100;
/// Requests in flight.
const IN_FLIGHT: usize = 4;

/// Measures on a suite of its own with customers and no events.
pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let bank = demo::bank(1, options.customers)?;
    let events: Vec<pb::Event> = bank.customers().flat_map(|sim: Sim| sim.events()).collect();
    let bare = bare(&events).await?;
    let folder = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let desk = Desk::new(&suite.doors, "bench")?;
    demo::load_customers(&desk, &bank).await?;
    let door = &desk.door("admin");
    let count = events.len() as f64;
    let batches: Vec<Vec<pb::Event>> = events.chunks(BATCH).map(<[pb::Event]>::to_vec).collect();
    let started = Instant::now();
    stream::iter(batches)
        .map(|events| async move {
            let mut client = EventServiceClient::new(door.channel.clone());
            client.ingest_events(door.request(pb::IngestEventsRequest { events })).await.map(drop)
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    let ours = count / started.elapsed().as_secs_f64();
    suite.stop().await?;
    Ok(vec![Row::rate("events ingested, durable, features updated, beside bare inserts", "events/s", ours, bare, 0.25)])
}

async fn bare(events: &[pb::Event]) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/bare.db?mode=rwc", folder.path().display());
    let store = Store::open::<Migrator>(&huan_chassis::config::Database { url, max_connections: 4 }).await?;
    let rows: Vec<event::Model> = events.iter().map(row).collect();
    let started = Instant::now();
    for batch in rows.chunks(BATCH) {
        let tx = store.begin().await?;
        for statement in batch.chunks(STATEMENT) {
            let models = statement.iter().cloned().map(|row| row.into_active_model().reset_all());
            event::Entity::insert_many(models).exec_without_returning(&*tx).await.map_err(huan_chassis::Error::from)?;
        }
        tx.commit().await?;
    }
    Ok(rows.len() as f64 / started.elapsed().as_secs_f64())
}

fn row(event: &pb::Event) -> event::Model {
    event::Model {
        tenant: "bench".to_owned(),
        source: event.source.clone(),
        source_id: event.source_id.clone(),
        customer_id: event.customer_id.clone(),
        event_type: event.r#type.clone(),
        occur_time: event.occur_time.as_ref().map_or(0, |time| time.seconds * 1_000_000),
        amount_minor: event.amount_minor,
        format: 0,
        key_id: String::new(),
        payload: Vec::new(),
    }
}
