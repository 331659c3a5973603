//! `huan bench segment`, or one of its parts: the segment service's heavy work beside what a user would run instead, on the
//! same input in the same run. The peers are python scripts given by `--peers`; what they lack is said, and is a failure.

mod cluster;
mod evaluate;
mod fresh;
mod models;
mod rules;
mod start;
mod table;

use std::{path::Path, process::Command};

use serde::Deserialize;

use super::{Options, Row};
use crate::failure::{Failure, Result};

/// What is measured, each by itself.
pub const PARTS: [&str; 5] = ["segment-rules", "segment-evaluate", "segment-fresh", "segment-cluster", "segment-start"];

/// Measures one of the parts.
pub async fn run(part: &str, options: &Options) -> Result<Vec<Row>> {
    match part {
        "segment-rules" => rules::run(options),
        "segment-evaluate" => evaluate::run(options).await,
        "segment-fresh" => fresh::run(options).await,
        "segment-cluster" => cluster::run(options),
        "segment-start" => start::run(options).await,
        _ => Err(Failure::usage(format!("{part} is no part of the segment bench"))),
    }
}

/// What a peer did.
#[derive(Debug, Deserialize)]
struct Timing {
    /// Who.
    peer: String,
    /// How long it took, with the input in memory.
    seconds: f64,
    /// What the same work must come to.
    check: serde_json::Value,
}

/// Runs a peer's script on so many rows; it leaves its input in the folder.
///
/// # Errors
/// If there is no such script, its interpreter lacks something, or it answers in no known way.
fn peers(options: &Options, script: &str, rows: u32, folder: &Path) -> Result<Vec<Timing>> {
    let peers = options.peers.as_deref().ok_or_else(|| {
        Failure::usage(format!("--peers names the folder of {script}, which times what is measured beside Huan"))
    })?;
    let requirements = peers.join("requirements.txt");
    let hint = format!(
        "\n--python names an interpreter that has what it needs:\n  python3 -m venv DIR && DIR/bin/pip install \
         --only-binary=:all: -r {}",
        requirements.display()
    );
    let mut command = Command::new(&options.python);
    // How numpy's linear algebra is tuned is the peer's own affair.
    command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
    command.arg(peers.join(script)).arg(rows.to_string()).arg(folder);
    let output =
        command.output().map_err(|error| Failure::usage(format!("{}: {error}{hint}", options.python.display())))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it says nothing");
        return Err(Failure::new(format!("{script} failed: {last}{hint}")));
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
    let timings = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
    timings.map_err(|error| Failure::new(format!("{script} answered in no known way: {error}")))
}
