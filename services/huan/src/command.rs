//! The command line: reads arguments, calls one function, and turns its error into an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, bulk, demo, import, snapshot, token, up};

/// Runs the command that the process was called with. The runtime is made here, so that the commands are compiled in this
/// crate, once.
#[tokio::main]
pub async fn main() -> ExitCode {
    let outcome = match Command::parse().action {
        Action::Up(options) => up::run(options).await,
        Action::Demo(options) => demo::run(options).await,
        Action::Import(options) => import::run(options).await,
        Action::Load(options) => bulk::run(options).await,
        Action::Snapshot(options) => snapshot::run(options).await,
        Action::Bench(options) => bench::run(options).await,
        Action::Token(options) => token::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("huan: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Huan (环): a bank's customer operations as one closed loop.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Starts all services and the gateway in this process, on SQLite files in one folder.
    Up(up::Options),
    /// Runs one closed loop on the simulated bank, or on real data sets, and prints what came of it.
    Demo(demo::Options),
    /// Loads a real data set into a tenant of its own, through a running gateway.
    Import(import::Options),
    /// Loads a bank's wide tables (CSV, Parquet) by a mapping file; one that broke off goes on.
    Load(bulk::Options),
    /// Writes all features of all customers as Parquet files, and prints where the manifest is.
    Snapshot(snapshot::Options),
    /// Measures the hot paths beside their limits, and prints the ratios.
    Bench(bench::Options),
    /// Prints a token of the development issuer, for trying RPCs.
    Token(token::Options),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_can_be_read() {
        Command::command().debug_assert();
    }
}
