//! `huan demo`: one closed loop from data to review and back, on the simulated bank or on real data sets, with a report.
//! Every figure in it comes from running the loop.

pub mod desk;
pub mod plan;
pub mod insight;
pub mod strategy;
pub mod execution;
pub mod holdout;
pub mod review;
pub mod simulated;
mod real;
pub mod report;
mod picture;

use std::{net::SocketAddr, path::PathBuf, time::Instant};

use clap::Args;
use huan_chassis::server;

pub use desk::{Desk, wait_for_feeds};
pub use simulated::{bank, load_customers, prepare};

use crate::{
    failure::{Failure, Result},
    suite::{Place, Suite},
    up::{TelemetryOptions, print_doors},
};

/// What `huan demo` takes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// A folder of real data sets (`berka/`, `hillstrom/`); without it the simulated bank is used.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Record marketing consents for the customers of real data sets, with the evidence "import-assumption". Real data
    /// brings no consents, and without consent there is no contact.
    #[arg(long)]
    assume_consent: bool,
    /// How many customers the simulated bank has.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    customers: u32,
    /// The simulated bank's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after the report instead of going on serving.
    #[arg(long)]
    once: bool,
    /// Write the report to this file, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Keep the stores in this folder; without it, in a temporary one.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The gateway's address; with --once a free port if not given.
    #[arg(long)]
    gateway: Option<SocketAddr>,
    /// How much is said, and where spans go.
    #[command(flatten)]
    telemetry: TelemetryOptions,
}

/// Runs the loop, prints the report, and goes on serving unless told not to.
///
/// # Errors
/// If the suite cannot start, the data cannot be read, or a step of the loop fails.
pub async fn run(options: Options) -> Result<()> {
    let guard = options.telemetry.init()?;
    let started = Instant::now();
    let temporary = tempfile::Builder::new().prefix("huan-demo-").tempdir()?;
    let folder = options.data_dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let place = Place { gateway: gateway(&options), ..Place::folder(folder) };
    let suite = Suite::start(&place).await?;
    picture::title("Huan: one closed loop");
    let mut report = match &options.data {
        Some(data) => real::run(&suite.doors, data, options.assume_consent).await?,
        None => simulated::run(&suite.doors, options.seed, options.customers).await?,
    };
    report.seconds = started.elapsed().as_secs_f64();
    picture::end(&report);
    if let Some(file) = &options.report {
        write(&report, file)?;
    }
    if options.once {
        suite.stop().await?;
    } else {
        let told = server::terminated();
        print_doors(&suite.doors, &place);
        suite.run_until(told).await?;
    }
    drop(guard);
    Ok(())
}

fn gateway(options: &Options) -> Option<SocketAddr> {
    options.gateway.or_else(|| (!options.once).then(|| SocketAddr::from(([127, 0, 0, 1], 8080))))
}

fn write(report: &report::Report, file: &PathBuf) -> Result<()> {
    let json = serde_json::to_string_pretty(report).map_err(|error| Failure::new(error.to_string()))?;
    std::fs::write(file, json + "\n")
        .map_err(|error| Failure::new(format!("the report cannot be written to {}: {error}", file.display())))
}
