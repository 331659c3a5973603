//! `huan bench`: each hot path beside its limit, measured in the same run on the same machine. It prints ratios and judges
//! none: a slow machine is no failure.

mod chain;
mod coverage;
mod decide;
mod ingest;
mod model;
mod pace;
mod profile;
mod segment;
mod snapshot;
mod start;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::failure::{Failure, Result};

/// The benches by name.
const NAMES: [&str; 18] = [
    "up",
    "evaluate",
    "decide",
    "ingest",
    "profile",
    "profile-ingest",
    "profile-visible",
    "profile-read",
    "profile-load",
    "snapshot",
    "segment",
    "segment-rules",
    "segment-evaluate",
    "segment-fresh",
    "segment-cluster",
    "segment-start",
    "coverage",
    "model",
];

/// What `huan bench` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The benches to run; all if none is named.
    #[arg(value_parser = NAMES)]
    names: Vec<String>,
    /// Write the rows to this file, as a JSON array.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Customers of the simulated bank that calls are spread over; profile-ingest takes 10000 at least.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    customers: u32,
    /// How long each rate is measured, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Customers of the large bank of the profile bench.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    large: u32,
    /// Rows of the wide table that the profile bench loads.
    #[arg(long, default_value_t = 50_000)]
    load: u32,
    /// Events that the profile bench takes in to see whether memory stays flat; 0 = none.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// A PostgreSQL server for the profile and snapshot benches, such as postgres://user@host/postgres: databases are made
    /// on it, and a checkpoint.
    #[arg(long)]
    postgres: Option<String>,
    /// The folder of the peers' scripts, segment.py and cluster.py: the segment bench runs beside them.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// The python interpreter that has what the peers' requirements.txt names.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Customers in the tables of the segment bench; its rules are measured with ten times as many too.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    rows: u32,
    /// Seeds of the coverage bench.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The folder of the bank marketing data set, for the model bench, which is left out without it.
    #[arg(long)]
    bank_marketing: Option<PathBuf>,
}

/// One measured line.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// The unit of `ours` and `limit`.
    pub unit: &'static str,
    /// What Huan does.
    pub ours: f64,
    /// What the bare machinery does, in the same run.
    pub limit: f64,
    /// ours / limit.
    pub ratio: f64,
    /// What the ratio is held to.
    pub budget: f64,
    /// Whether it held in this run.
    pub held: bool,
}

impl Row {
    /// A rate: the ratio should not be below the budget.
    pub fn rate(work: &str, unit: &'static str, ours: f64, limit: f64, budget: f64) -> Self {
        let ratio = ours / limit;
        Self { work: work.to_owned(), unit, ours, limit, ratio, budget, held: ratio >= budget }
    }

    /// A time: the ratio should not be above the budget.
    pub fn time(work: &str, unit: &'static str, ours: f64, limit: f64, budget: f64) -> Self {
        let ratio = ours / limit;
        Self { work: work.to_owned(), unit, ours, limit, ratio, budget, held: ratio <= budget }
    }
}

/// Runs the benches and prints a table.
///
/// # Errors
/// If the suite cannot start or a call fails.
pub async fn run(options: Options) -> Result<()> {
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|one| one == name);
    let mut rows = Vec::new();
    println!("{:<58} {:>12} {:>12} {:>7} {:>7}", "work", "ours", "limit", "ratio", "budget");
    let mut add = |more: Vec<Row>| {
        for row in more {
            print(&row);
            rows.push(row);
        }
    };
    if wanted("up") {
        add(start::run().await?);
    }
    if wanted("evaluate") || wanted("decide") {
        add(decide::run(&options, wanted("evaluate"), wanted("decide")).await?);
    }
    if wanted("ingest") {
        add(ingest::run(&options).await?);
    }
    for place in profile::places(&options) {
        for part in profile::PARTS.iter().filter(|part| wanted("profile") || wanted(part)) {
            add(profile::run(part, &options, &place).await?);
        }
    }
    if wanted("snapshot") {
        for place in profile::places(&options) {
            add(snapshot::run(&options, &place).await?);
        }
    }
    for part in segment::PARTS.iter().filter(|part| wanted("segment") || wanted(part)) {
        add(segment::run(part, &options).await?);
    }
    if wanted("coverage") {
        add(coverage::run(options.seeds)?);
    }
    if let Some(folder) = options.bank_marketing.as_ref().filter(|_| wanted("model")) {
        add(model::run(folder).await?);
    }
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&rows).map_err(|error| Failure::new(error.to_string()))?;
        std::fs::write(file, json + "\n")?;
    }
    Ok(())
}

fn print(row: &Row) {
    let held = if row.held { "" } else { "  not held" };
    println!(
        "{:<58} {:>12} {:>12} {:>7.3} {:>7.3}{held}",
        format!("{} [{}]", row.work, row.unit),
        short(row.ours),
        short(row.limit),
        row.ratio,
        row.budget
    );
}

fn short(figure: f64) -> String {
    if figure.abs() >= 1000.0 { format!("{figure:.0}") } else { format!("{figure:.4}") }
}

/// What the process keeps in memory, in megabytes (Linux's /proc/self/statm, in pages of 4 KiB).
fn resident() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    Ok(pages * 4096.0 / 1e6)
}
