//! A segment service's start: all columns made of the vectors in its store, beside reading the same rows and no more.

use std::time::Instant;

use huan_chassis::{config, store::Store};
use huan_proto::{
    profile::v1 as profile,
    types::v1::{Value, ValueType, value::Kind},
};
use huan_segment::{
    Migrator,
    memory::Memory,
    store::{entity, tenant, vector},
};
use prost::Message as _;

use super::{Options, Row};
use crate::failure::{Failure, Result};

const TENANT: &str = "bench";
const FEATURES: u32 = 36;
/// Vectors written in one transaction, and read at once.
const BATCH: u32 = 10_000;

/// Measures on a store of its own.
pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/segment.db?mode=rwc", folder.path().display());
    let store = Store::open::<Migrator>(&config::Database { url, max_connections: 8 }).await?;
    write(&store, options.rows).await?;

    let started = Instant::now();
    let (mut after, mut bytes) = (-1, 0);
    loop {
        let page = vector::page_of_vectors(&store, TENANT, after, u64::from(BATCH)).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        bytes += page.iter().map(|row| row.payload.len()).sum::<usize>();
    }
    let bare = started.elapsed().as_secs_f64();
    if bytes < options.rows as usize {
        return Err(Failure::new("the store has not the vectors that were written"));
    }

    let started = Instant::now();
    let memory = Memory::load(&store).await?;
    let ours = started.elapsed().as_secs_f64();
    let population = memory.tenant(TENANT).snapshot().0.population;
    if population != options.rows {
        return Err(Failure::new(format!("{population} of {} customers are in memory", options.rows)));
    }
    store.close();
    let work = format!("start with {} customers, {FEATURES} features, beside reading their rows", options.rows);
    Ok(vec![Row::time(&work, "s", ours, bare, 1.5)])
}

async fn write(store: &Store, customers: u32) -> Result<()> {
    let feature = |number| profile::Feature {
        number,
        name: format!("feature_{number}"),
        r#type: ValueType::Number.into(),
        ..Default::default()
    };
    let catalogue = profile::Catalogue { features: (1..=FEATURES).map(feature).collect() };
    let tx = store.begin().await?;
    tenant::put_settings(&tx, TENANT, profile::Tenant::default().encode_to_vec()).await?;
    tenant::put_catalogue(&tx, TENANT, catalogue.encode_to_vec()).await?;
    tx.commit().await?;
    for from in (0..customers).step_by(BATCH as usize) {
        let mut vectors: Vec<_> = (from..customers.min(from + BATCH)).map(vector_of).collect();
        let tx = store.begin().await?;
        vector::put_vectors(&tx, TENANT, &mut vectors).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whole numbers of every width, and fractions.
fn vector_of(customer: u32) -> entity::vector::Model {
    let value = |number: u32| {
        let mixed = customer.wrapping_mul(2_654_435_761).wrapping_add(number.wrapping_mul(40_503));
        let whole = f64::from(mixed >> [25, 17, 8][number as usize % 3]);
        Value { kind: Some(Kind::Number(if number % 6 == 5 { whole / 8.0 } else { whole })) }
    };
    let vector = profile::Vector {
        features: (1..=FEATURES).collect(),
        values: (1..=FEATURES).map(value).collect(),
        ..Default::default()
    };
    entity::vector::Model {
        tenant: TENANT.into(),
        customer_id: format!("{customer:010}"),
        customer_key: format!("{customer:032x}"),
        root_id: String::new(),
        owner_path: "/hq/east".into(),
        ordinal: -1,
        as_of: 0,
        position: String::new(),
        format: 0,
        key_id: String::new(),
        payload: vector.encode_to_vec(),
    }
}
