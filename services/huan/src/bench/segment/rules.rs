//! The peers' hundred rules over their table of customers: everybody's memberships beside polars, the customers that changed
//! beside everybody, ten times as many customers beside as many, and what a customer takes in memory.

use std::{sync::Arc, time::Instant};

use huan_segment::{columns::Columns, live::Live, members::Members};

use super::{
    Options, Row, peers,
    table::{self, TODAY, Table},
};
use crate::failure::{Failure, Result};

/// The best of so many runs counts, as with the peers.
const RUNS: usize = 3;
/// How many times as many customers take how many times as long.
const LARGE: u32 = 10;

/// Measures all of it.
pub fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let timings = peers(options, "segment.py", options.rows, folder.path())?;
    let polars = timings.iter().find(|timing| timing.peer == "polars");
    let polars = polars.ok_or_else(|| Failure::new("segment.py timed no polars"))?;
    let table = Table::read(&folder.path().join("customers.parquet"))?;
    let (mut columns, catalogue) = (Columns::default(), table.catalogue());
    table.fill(&mut columns, 0..table.rows());
    let live = table::live(&folder.path().join("rules.json"), &catalogue, &mut columns)?;

    let (full, members) = build(&live, &columns);
    let right: Vec<u64> = serde_json::from_value(polars.check.clone())
        .map_err(|error| Failure::new(format!("polars counted in no known way: {error}")))?;
    same(&members, &right, "polars")?;
    let work = format!("{} rules x {} customers, all bitmaps built, beside polars", right.len(), table.rows());
    let mut rows = vec![Row::time(&work, "s", full.compressed, polars.seconds, 1.0 / 3.0)];
    let each = columns.bytes() as f64 / f64::from(table.rows());
    let work = format!("memory a customer, {} features with ids and index", table.width());
    rows.push(Row::time(&work, "bytes", each, 400.0, 1.0));
    let changed = follow(&table, &live, &mut columns, members)?;
    let work = "1 % of customers drawn at random, all features new, beside all";
    rows.push(Row::time(work, "s", changed, full.found, 0.2));

    let mut columns = Columns::default();
    table.fill(&mut columns, 0..table.rows() * LARGE);
    let (large, members) = build(&live, &columns);
    same(&members, &right.iter().map(|count| count * u64::from(LARGE)).collect::<Vec<_>>(), "ten times polars")?;
    let work = format!("{LARGE} times as many customers, a customer's time beside before");
    let nanos = 1e9 / f64::from(table.rows());
    rows.push(Row::time(&work, "ns", large.found * nanos / f64::from(LARGE), full.found * nanos, 1.2));
    Ok(rows)
}

/// What the best run took, in seconds.
struct Full {
    /// Until everybody's memberships were found.
    found: f64,
    /// Until they were compressed bitmaps too.
    compressed: f64,
}

/// Builds everybody's memberships from columns in memory.
fn build(live: &Arc<Live>, columns: &Columns) -> (Full, Members) {
    let rows = columns.snapshot();
    let (mut full, mut members) = (Full { found: f64::INFINITY, compressed: f64::INFINITY }, Members::default());
    for _ in 0..RUNS {
        let started = Instant::now();
        members = Members::find(live.clone(), &rows, TODAY);
        full.found = full.found.min(started.elapsed().as_secs_f64());
        let bitmaps = members.all();
        full.compressed = full.compressed.min(started.elapsed().as_secs_f64());
        drop(bitmaps);
    }
    (full, members)
}

/// Gives 1 % of the customers new features and follows them; the seconds of the best run.
fn follow(table: &Table, live: &Arc<Live>, columns: &mut Columns, mut members: Members) -> Result<f64> {
    let catalogue = table.catalogue();
    let mut best = f64::INFINITY;
    columns.take_changed();
    for round in 1..=RUNS as u32 {
        let drawn = |ordinal: &u32| mix(u64::from(*ordinal) << 8 | u64::from(round)).is_multiple_of(100);
        for ordinal in (0..table.rows()).filter(drawn) {
            let other = |feature| mix(u64::from(ordinal) << 16 | u64::from(feature << 8 | round)) as u32;
            table.put(columns, &catalogue, ordinal, other);
        }
        let (changed, rows) = (columns.take_changed(), columns.snapshot());
        let started = Instant::now();
        members.follow(live, &rows, TODAY, &changed);
        best = best.min(started.elapsed().as_secs_f64());
    }
    let anew = Members::find(live.clone(), &columns.snapshot(), TODAY);
    if anew.all() != members.all() {
        return Err(Failure::new("memberships that followed the changes are not those that are found anew"));
    }
    Ok(best)
}

fn same(members: &Members, right: &[u64], whose: &str) -> Result<()> {
    let counts: Vec<u64> = members.all().into_iter().map(|(_, members)| members.len()).collect();
    match counts.iter().zip(right).position(|(count, right)| count != right) {
        None if counts.len() == right.len() => Ok(()),
        None => Err(Failure::new(format!("{} rules are counted, {whose} counts {}", counts.len(), right.len()))),
        Some(rule) => {
            Err(Failure::new(format!("rule {rule} has {} members, and {} by {whose}", counts[rule], right[rule])))
        }
    }
}

/// A hash of well-mixed bits (SplitMix64, Steele, Lea and Flood 2014).
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
