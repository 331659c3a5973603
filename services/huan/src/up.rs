//! `huan up`: the whole suite in one process, until it is told to stop.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use huan_chassis::{config, server, telemetry};

use crate::{
    failure::{Failure, Result},
    suite::{Doors, Place, Suite},
};

/// What `huan up` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The folder of the stores and of the key; made if missing.
    #[arg(long, default_value = "huan-data")]
    data_dir: PathBuf,
    /// The gateway's address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// How much is said, and where spans go.
    #[command(flatten)]
    telemetry: TelemetryOptions,
}

/// How much is said, and where spans go.
#[derive(Args, Clone, Debug)]
pub struct TelemetryOptions {
    /// error, warn, info, debug or trace, or a filter such as "info,sqlx=warn".
    #[arg(long, default_value = "warn", env = "HUAN_LOG")]
    log: String,
    /// Lines of JSON instead of lines for people.
    #[arg(long)]
    log_json: bool,
    /// Where spans are sent over OTLP/gRPC, such as http://127.0.0.1:4317; nowhere if not given.
    #[arg(long, env = "HUAN_OTLP_ENDPOINT", default_value = "")]
    otlp_endpoint: String,
}

impl TelemetryOptions {
    /// Starts logs and spans; they end, flushed, when the guard is dropped.
    ///
    /// # Errors
    /// If the filter or the endpoint is not well-formed.
    pub fn init(&self) -> Result<telemetry::Guard> {
        let log = if self.log_json { config::LogFormat::Json } else { config::LogFormat::Human };
        let config = config::Telemetry { log, level: self.log.clone(), otlp_endpoint: self.otlp_endpoint.clone() };
        telemetry::init(&config, "huan").map_err(|error| Failure::usage(error.to_string()))
    }
}

/// Runs the suite until SIGTERM or SIGINT.
///
/// # Errors
/// If the suite cannot start, or a service ends with an error.
pub async fn run(options: Options) -> Result<()> {
    let guard = options.telemetry.init()?;
    let place = Place { gateway: Some(options.gateway), fixed_ports: true, ..Place::folder(&options.data_dir) };
    let started = std::time::Instant::now();
    let suite = Suite::start(&place).await?;
    let told = server::terminated();
    println!("huan is up after {} ms", started.elapsed().as_millis());
    print_doors(&suite.doors, &place);
    suite.run_until(told).await?;
    drop(guard);
    Ok(())
}

/// Says where the doors are, and how to knock.
pub fn print_doors(doors: &Doors, place: &Place) {
    println!("  gateway     http://{}   gRPC and JSON, for everybody", doors.gateway);
    for (service, address) in &doors.services {
        println!("  {service:<11} http://{address}   gRPC, for services");
    }
    println!("  stores      {}", place.folder.display());
    println!("  a token     huan token --role strategist --key-file {}", place.key_file().display());
    println!("stop with Ctrl-C");
}
