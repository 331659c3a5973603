//! From an empty folder to a suite whose every service says that it serves.

use std::time::Instant;

use super::Row;
use crate::{
    failure::Result,
    suite::{Place, Suite},
};

/// Starts a suite in an empty folder.
pub async fn run() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let seconds = started.elapsed().as_secs_f64();
    suite.stop().await?;
    Ok(vec![Row::time("huan up to ready, beside two seconds", "s", seconds, 2.0, 1.0)])
}
