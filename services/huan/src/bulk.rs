//! `huan load`: takes a bank's wide tables (CSV, Parquet) into a tenant by a mapping file. Rows are read, mapped and sent a
//! thousand at a time; the service notes how far a load is, so one that broke off goes on there. A dry run names every
//! fault by row and writes nothing.

mod cell;
mod mapping;
mod row;
mod source;

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono_tz::Tz;
use clap::Args;
use huan_proto::profile::v1::{
    self as pb, bulk_service_client::BulkServiceClient, tenant_service_client::TenantServiceClient,
};
use indicatif::ProgressBar;
use prost::Message as _;
use prost_types::FieldMask;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use self::{
    mapping::Mapping,
    row::{Fault, Reader},
    source::{Bad, Meter, Source},
};
use crate::{
    door,
    failure::{Failure, Result},
    load::{Door, persist},
    progress,
};

/// Rows of a table that a batch speaks for, and bytes after which it is sent with fewer.
const ROWS: i64 = 1000;
const BYTES: usize = 2 * 1024 * 1024;
/// Batches read before they are sent.
const AHEAD: usize = 2;
/// The most faults that are printed; all are written to the file of faults.
const PRINTED: usize = 20;
/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// What `huan load` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The tables: .csv, .csv.zst or .parquet.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Which column goes to which field.
    #[arg(long)]
    mapping: PathBuf,
    /// The tenant, which must be there.
    #[arg(long)]
    tenant: String,
    /// Check everything and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write every fault to this file: row, field, what is wrong; never a value.
    #[arg(long)]
    faults: Option<PathBuf>,
    /// The load's id, instead of one made from the table and the mapping. For one table only.
    #[arg(long)]
    load_id: Option<String>,
    /// Where to load and in whose name.
    #[command(flatten)]
    door: door::Options,
}

/// What became of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How far the load is; in a dry run, what it would do.
    pub load: pb::Load,
    /// Every fault of this run, in the order of rows: row, field, what is wrong.
    pub faults: Vec<(i64, String, String)>,
}

/// What is to be done with a table.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The table.
    pub file: &'a Path,
    /// The text of the mapping.
    pub mapping: &'a str,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// The load's id; none = one made from the table and the mapping.
    pub load_id: Option<&'a str>,
}

/// Loads the tables that the options name, and prints what came of it.
///
/// # Errors
/// If a file or the mapping is faulty, the suite does not take it, or a dry run finds faults.
pub async fn run(options: Options) -> Result<()> {
    if options.load_id.is_some() && options.files.len() > 1 {
        return Err(Failure::usage("--load-id is for one table only"));
    }
    let named = |error| Failure::usage(format!("{}: {error}", options.mapping.display()));
    let mapping = std::fs::read_to_string(&options.mapping).map_err(named)?;
    let door = options.door.open(&options.tenant, "loader")?;
    let (mut found, mut report) = (0, Vec::new());
    for file in &options.files {
        let load_id = options.load_id.as_deref();
        let task = Task { file, mapping: &mapping, dry_run: options.dry_run, load_id };
        let outcome = load(&door, &task).await?;
        print(file, &outcome, options.dry_run);
        found += outcome.faults.len();
        report.extend(outcome.faults.into_iter().map(|fault| (file.display().to_string(), fault)));
    }
    if let Some(file) = &options.faults {
        write(file, &report)?;
    }
    match options.dry_run && found > 0 {
        true => Err(Failure::new(format!("the tables have {found} faults; nothing was written"))),
        false => Ok(()),
    }
}

/// Loads one table from the row on at which it broke off.
///
/// # Errors
/// If the file or the mapping is faulty, or the service does not take it.
pub async fn load(door: &Door, task: &Task<'_>) -> Result<Outcome> {
    let mut mapping = Mapping::parse(task.mapping).map_err(|faults| faulty("the mapping", &faults))?;
    let source = source::open(task.file, mapping.delimiter)?;
    mapping.place(&source.header).map_err(|faults| faulty(&task.file.display().to_string(), &faults))?;
    let (hash, id) = source::hash(task.file, task.mapping)?;
    let name = task.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let load_id = task.load_id.map_or_else(|| id[..32].to_owned(), str::to_owned);
    let first = pb::LoadRowsRequest {
        load_id,
        source: name.clone(),
        source_hash: hash,
        customer_mask: Some(FieldMask { paths: mapping.customer_mask() }),
        holding_mask: Some(FieldMask { paths: mapping.holding_mask() }),
        dry_run: task.dry_run,
        ..Default::default()
    };
    let begun = if task.dry_run { None } else { find(door, &first.load_id).await? };
    if let Some(load) = begun.as_ref().filter(|load| load.state() == pb::LoadState::Done) {
        return Ok(Outcome { load: load.clone(), faults: Vec::new() });
    }
    let (currency, zone) = settings(door).await?;
    let (meter, reader) = (source.meter.clone(), Reader::new(mapping, &currency, zone));
    let from = begun.as_ref().map_or(1, |load| load.next_row);
    let (batches, received) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(source, reader, from, &first, &batches));
    let outcome = send(door, received, &name, &meter).await;
    let read = reading.await.map_err(|error| Failure::new(error.to_string()))?;
    let outcome = outcome?;
    read.map_err(|fault| Failure::new(format!("{}: {fault}; loaded up to there", task.file.display())))?;
    Ok(outcome)
}

/// Reads the table to its end and makes batches of what comes from a row on. Rows before it are read, too: they may not
/// come again after it.
fn read(
    source: Source,
    mut reader: Reader,
    from: i64,
    first: &pb::LoadRowsRequest,
    batches: &mpsc::Sender<(pb::LoadRowsRequest, Vec<Fault>)>,
) -> Result<(), String> {
    let begin = |row| pb::LoadRowsRequest { first_row: row, next_row: row, ..first.clone() };
    let (mut batch, mut faults, mut bytes, mut number) = (begin(from), Vec::new(), 0, 0);
    for record in source.rows {
        number += 1;
        let read = match record {
            Ok(record) => reader.read(number, &record),
            Err(Bad::Row(fault)) => Err(vec![Fault { row: number, field: "row".to_owned(), description: fault }]),
            Err(Bad::File(fault)) => return Err(format!("cannot be read from row {number} on: {fault}")),
        };
        if number < from {
            continue;
        }
        match read {
            Ok(row) => {
                bytes += row.encoded_len();
                batch.rows.push(row);
            }
            Err(found) => faults.extend(found),
        }
        batch.next_row = number + 1;
        if batch.next_row - batch.first_row >= ROWS || bytes >= BYTES {
            let full = std::mem::replace(&mut batch, begin(number + 1));
            if batches.blocking_send((full, std::mem::take(&mut faults))).is_err() {
                // Who sends has failed and says so.
                return Ok(());
            }
            bytes = 0;
        }
    }
    batch.last = true;
    let _ = batches.blocking_send((batch, faults));
    Ok(())
}

/// Sends batch after batch, and again what the service was too busy for.
async fn send(
    door: &Door,
    mut batches: mpsc::Receiver<(pb::LoadRowsRequest, Vec<Fault>)>,
    name: &str,
    meter: &Meter,
) -> Result<Outcome> {
    let mut progress = Progress::new(name, meter);
    let mut outcome = Outcome::default();
    while let Some((batch, own)) = batches.recv().await {
        let dry_run = batch.dry_run;
        let answer = persist(batch, |batch| load_rows(door, batch)).await?;
        let mut faults: Vec<_> = own.into_iter().map(|fault| (fault.row, fault.field, fault.description)).collect();
        faults.extend(answer.faults.into_iter().map(|fault| (fault.row, fault.field, fault.description)));
        faults.sort_by_key(|fault| fault.0);
        outcome.faults.extend(faults);
        let load = answer.load.unwrap_or_default();
        outcome.load = if dry_run { sum(&outcome.load, load) } else { load };
        progress.at(outcome.load.next_row - 1, meter);
    }
    progress.finish();
    Ok(outcome)
}

async fn load_rows(door: &Door, batch: pb::LoadRowsRequest) -> Result<pb::LoadRowsResponse, Status> {
    let mut client = BulkServiceClient::new(door.channel.clone());
    client.load_rows(door.request(batch)).await.map(tonic::Response::into_inner)
}

/// A dry run keeps no progress: its batches are added up here.
fn sum(before: &pb::Load, batch: pb::Load) -> pb::Load {
    pb::Load {
        new_count: before.new_count + batch.new_count,
        changed_count: before.changed_count + batch.changed_count,
        same_count: before.same_count + batch.same_count,
        refused_count: before.refused_count + batch.refused_count,
        ..batch
    }
}

async fn find(door: &Door, load_id: &str) -> Result<Option<pb::Load>> {
    let request = pb::GetLoadRequest { load_id: load_id.to_owned() };
    match BulkServiceClient::new(door.channel.clone()).get_load(door.request(request)).await {
        Ok(answer) => Ok(answer.into_inner().load),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// The tenant's currency and zone.
async fn settings(door: &Door) -> Result<(String, Tz)> {
    let mut client = TenantServiceClient::new(door.channel.clone());
    let tenant = client.get_tenant(door.request(pb::GetTenantRequest {})).await?.into_inner().tenant;
    let tenant = tenant.unwrap_or_default();
    let zone = tenant.time_zone.parse().map_err(|_| Failure::new("the tenant's time zone is not known here"))?;
    Ok((tenant.currency, zone))
}

fn faulty(what: &str, faults: &[String]) -> Failure {
    Failure::usage(format!("{what} is not right\n  {}", faults.join("\n  ")))
}

fn print(file: &Path, outcome: &Outcome, dry_run: bool) {
    let Outcome { load, faults } = outcome;
    let would = if dry_run { "would be " } else { "" };
    println!(
        "{}: {} rows: {} {would}new, {} {would}changed, {} the same, {} {would}refused",
        file.display(),
        load.next_row - 1,
        load.new_count,
        load.changed_count,
        load.same_count,
        load.refused_count
    );
    for (row, field, description) in faults.iter().take(PRINTED) {
        println!("  row {row}: {field} {description}");
    }
    if faults.len() > PRINTED {
        println!("  and {} faults more; --faults FILE writes them all", faults.len() - PRINTED);
    }
}

fn write(file: &Path, faults: &[(String, (i64, String, String))]) -> Result<()> {
    let failed = |error: csv::Error| Failure::new(format!("{}: {error}", file.display()));
    let mut writer = csv::Writer::from_path(file).map_err(failed)?;
    writer.write_record(["file", "row", "field", "fault"]).map_err(failed)?;
    for (name, (row, field, description)) in faults {
        writer.write_record([name, &row.to_string(), field, description]).map_err(failed)?;
    }
    Ok(writer.flush()?)
}

/// How far a table is: a bar on a terminal, a line every few seconds elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    name: String,
    started: Instant,
    said: Instant,
    first: Option<i64>,
}

impl Progress {
    fn new(name: &str, meter: &Meter) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| progress::bar(name, meter.total));
        Self { bar, name: name.to_owned(), started: Instant::now(), said: Instant::now(), first: None }
    }

    fn at(&mut self, row: i64, meter: &Meter) {
        let rows = row - *self.first.get_or_insert(row);
        let rate = rows as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let text = format!("{} {row} rows {rate:.0}/s", self.name);
        match &self.bar {
            Some(bar) => {
                bar.set_position(meter.read());
                bar.set_message(text);
            }
            None if self.said.elapsed() >= EVERY => {
                eprintln!("  {text} {}%", meter.read() * 100 / meter.total.max(1));
                self.said = Instant::now();
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
