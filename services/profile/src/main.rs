//! The profile service as a process of its own.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use huan_chassis::{Error, Result, server, telemetry, token::Keys};
use huan_profile::{Config, NAME, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    match Config::load(file.as_deref()) {
        Ok(config) => exit(run(config).await),
        Err(faults) => {
            eprintln!("{faults}");
            ExitCode::from(64)
        }
    }
}

async fn run(config: Config) -> Result<()> {
    let _telemetry = telemetry::init(&config.telemetry, NAME)?;
    let keys = Arc::new(Keys::from_file(&config.auth.key_file)?);
    let address = config.listen.address;
    let bound = tokio::net::TcpListener::bind(address).await;
    let listener = bound.map_err(|error| Error::Internal(format!("cannot listen on {address}: {error}")))?;
    serve(config, keys, listener, server::terminated()).await
}

fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot go on");
            ExitCode::FAILURE
        }
    }
}
