//! A snapshot of all features beside writing the same columns from memory into the same folder: same rows, same columns,
//! same compression.

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bytes::Bytes;
use huan_chassis::{
    check::Faults,
    config,
    store::Store as Database,
    vault::{Masters, Vault},
};
use huan_profile::{
    bucket::Bucket,
    convert,
    part::{Columns, Part, Row as Customer, Table},
    store::{
        Store,
        customer_key::CustomerKeys,
        entity::{customer, vector},
        migration::Migrator,
    },
};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, ValueType, value::Kind},
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, errors::ParquetError};
use prost::Message as _;
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, IntoActiveModel as _};

use super::{Options, Row, profile::Place, resident};
use crate::failure::{Failure, Result};

/// Features of each customer.
const FEATURES: u32 = 60;
/// Rows of an insert.
const ROWS: usize = 1000;
/// Rows that are written from memory at a time, at most.
const BARE: u32 = 131_072;
const TENANT: &str = "bench";

/// Measures on a store of its own.
pub async fn run(options: &Options, place: &Place) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let db = Database::open::<Migrator>(&place.database(folder.path(), "profile").await?).await?;
    let master_file = folder.path().join("master.key");
    let keys = place.database(folder.path(), "keys").await?.url;
    std::fs::write(&master_file, Masters::generate("bench"))?;
    let db = db.with_vault(Vault::open(&config::Keys { url: keys, master_file }).await?);
    let store = Store::new(db.clone());
    let tenant = pb::CreateTenantRequest {
        request_id: "bench".to_owned(),
        tenant: Some(pb::Tenant { display_name: "Bench".to_owned(), ..Default::default() }),
    };
    store.create_tenant(convert::tenant::create(tenant, TENANT)?).await?;
    fill(&db, options.customers).await?;
    settle(&db, place).await?;

    let config: huan_profile::Config = config::load(huan_profile::NAME, huan_profile::DEFAULTS, None)?;
    let root = folder.path().join("snapshots").display().to_string();
    let bucket = Bucket::new(huan_profile::config::Snapshot { root, ..config.snapshot });
    let request = pb::StartSnapshotRequest { request_id: "bench".to_owned(), ..Default::default() };
    let started = Instant::now();
    let asked = store.start_snapshot(convert::snapshot::start(request, TENANT, &features())?).await?;
    let writer = tokio::spawn(store.clone().export_for_ever(bucket.clone(), Duration::from_secs(1)));
    let mut memory: f64 = 0.0;
    while store.get_snapshot(TENANT, &asked.snapshot_id).await?.end_time.is_none() {
        memory = memory.max(resident()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ours = f64::from(options.customers) / started.elapsed().as_secs_f64();
    let done = store.get_snapshot(TENANT, &asked.snapshot_id).await?;
    writer.abort();
    if done.written_count != i64::from(options.customers) {
        return Err(Failure::new(format!("the snapshot has {} rows: {}", done.written_count, done.fault)));
    }
    let bare = bare(&bucket, options.customers.min(BARE), options.customers).await?;
    let work = format!("snapshot of {} customers, 60 features, {}", options.customers, place.name);
    Ok(vec![
        Row::rate(
            &format!("{work}, beside writing the columns from memory to the same folder"),
            "rows/s",
            ours,
            bare,
            0.5,
        ),
        Row::time(&format!("{work}: memory of the process beside 500 MB"), "MB", memory, 500.0, 1.0),
    ])
}

/// Lets PostgreSQL do what it would do beside the snapshot just because everything is new to it: as in a database in use,
/// its rows are known to be committed and no vacuum is due.
async fn settle(db: &Database, place: &Place) -> Result<()> {
    if db.read().get_database_backend() == DbBackend::Postgres {
        db.read().execute_unprepared("VACUUM ANALYZE").await.map_err(huan_chassis::Error::from)?;
    }
    place.settle().await
}

/// Columns as they lie in memory, written as a file, again and again until as many rows are written as a snapshot has.
async fn bare(bucket: &Bucket, rows: u32, customers: u32) -> Result<f64> {
    let failed = |error: ParquetError| Failure::new(error.to_string());
    let (table, features) = (Table::new(features(), false), features());
    let vectors: Vec<Vec<u8>> = (0..rows).map(|n| vector(n, &features).encode_to_vec()).collect();
    let mut columns = Columns::new(&table, rows as usize);
    let mut keys = CustomerKeys::draw();
    for (n, vector) in vectors.iter().enumerate() {
        if n % ROWS == 0 {
            keys = CustomerKeys::draw();
        }
        let key = keys.next_key();
        let row = Customer { customer_id: &key, customer_key: &key, customer_type: 1, owner_path: "/hq/east", vector };
        columns.add(&row).ok_or_else(|| Failure::new("a vector that cannot be read".to_owned()))?;
    }
    let mut part = Part::new(&table).map_err(failed)?;
    part.write(&[columns.finish().map_err(|error| Failure::new(error.to_string()))?]).map_err(failed)?;
    let file = Bytes::from(part.finish().map_err(failed)?);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?.with_batch_size(8192);
    let batches: Vec<RecordBatch> =
        reader.build().map_err(failed)?.collect::<Result<_, _>>().map_err(|error| Failure::new(error.to_string()))?;
    let (started, times) = (Instant::now(), customers.div_ceil(rows));
    for _ in 0..times {
        let mut part = Part::new(&table).map_err(failed)?;
        for batch in batches.chunks(1) {
            part.write(batch).map_err(failed)?;
        }
        bucket.put(&["bare.parquet"], part.finish().map_err(failed)?).await?;
    }
    Ok(f64::from(rows * times) / started.elapsed().as_secs_f64())
}

async fn fill(db: &Database, customers: u32) -> Result<()> {
    let features = features();
    for first in (0..customers).step_by(ROWS) {
        let rows = first..(first + ROWS as u32).min(customers);
        let keys = CustomerKeys::draw();
        let of_customer = |n| {
            let key = keys.next_key();
            (person(n, &key), row(n, key, &features))
        };
        let (people, vectors): (Vec<_>, Vec<_>) = rows.map(of_customer).unzip();
        let tx = db.begin().await?;
        let people = people.into_iter().map(|row: customer::Model| row.into_active_model());
        customer::Entity::insert_many(people).exec_without_returning(&*tx).await.map_err(huan_chassis::Error::from)?;
        let vectors = db.vault()?.seal(vectors).await?;
        let vectors = vectors.into_iter().map(|row: vector::Model| row.into_active_model());
        vector::Entity::insert_many(vectors).exec_without_returning(&*tx).await.map_err(huan_chassis::Error::from)?;
        tx.commit().await?;
    }
    Ok(())
}

fn person(n: u32, key: &str) -> customer::Model {
    let asked = pb::Customer {
        customer_id: format!("{n:010}"),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq/east".to_owned(),
        ..Default::default()
    };
    let row = convert::customer::row(&mut Faults::new(), "customer", TENANT, asked);
    customer::Model { customer_key: key.to_owned(), ..row }
}

fn row(n: u32, key: String, features: &[pb::Feature]) -> vector::Model {
    vector::Model {
        tenant: TENANT.to_owned(),
        customer_id: format!("{n:010}"),
        state_format: 0,
        state_key_id: key.clone(),
        state: vec![7; 400],
        format: 0,
        key_id: key,
        payload: vector(n, features).encode_to_vec(),
        position: "1".to_owned(),
    }
}

/// Forty-five numbers, of which a third are whole and small, and five each of texts, days and flags.
fn features() -> Vec<pb::Feature> {
    let kind = |number| match number % 12 {
        0 => ValueType::Text,
        4 => ValueType::Day,
        8 => ValueType::Flag,
        _ => ValueType::Number,
    };
    let feature = |number| pb::Feature {
        number,
        name: format!("feature_{number}"),
        r#type: kind(number).into(),
        ..Default::default()
    };
    (1..=FEATURES).map(feature).collect()
}

fn vector(n: u32, features: &[pb::Feature]) -> pb::Vector {
    let value = |feature: &pb::Feature| {
        let mixed = (u64::from(n) << 8 | u64::from(feature.number)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let kind = match feature.r#type() {
            ValueType::Text => Kind::Text(format!("category_{}", mixed % 12)),
            ValueType::Day => Kind::Day(format!("20{:02}-{:02}-{:02}", mixed % 25, mixed % 12 + 1, mixed % 28 + 1)),
            ValueType::Flag => Kind::Flag(mixed.is_multiple_of(3)),
            _ if feature.number.is_multiple_of(3) => Kind::Number((mixed % 50) as f64),
            _ => Kind::Number((mixed % 100_000_000) as f64 / 100.0),
        };
        Value { kind: Some(kind) }
    };
    pb::Vector {
        features: features.iter().map(|feature| feature.number).collect(),
        values: features.iter().map(value).collect(),
        tags: vec!["vip".to_owned()],
        as_of_time: Some(prost_types::Timestamp { seconds: 1_718_424_000, nanos: 0 }),
    }
}
