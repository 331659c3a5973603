//! A hundred rules over a table of customers, beside polars.

use super::{Options, Row, peers};
use crate::failure::{Failure, Result};

/// Measures the full build.
pub fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let timings = peers(options, "segment.py", options.rows, folder.path())?;
    let polars = timings.iter().find(|timing| timing.peer == "polars");
    let polars = polars.ok_or_else(|| Failure::new("segment.py timed no polars"))?;
    Ok(vec![Row::time("polars", "s", polars.seconds, polars.seconds, 1.0 / 3.0)])
}
