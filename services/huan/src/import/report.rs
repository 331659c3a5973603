//! What an import did: counts by kind, and the rows that did not make it, with their file and line.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use serde::Serialize;

use crate::load::Loaded;

/// The most faults that a report names; the rest are counted.
pub const NAMED_FAULTS: usize = 100;

/// What an import did. Kinds are customers, events, consents, assignments and the kinds of holdings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many of each kind the files had.
    pub read: BTreeMap<String, u64>,
    /// How many of each kind were new.
    pub new: BTreeMap<String, u64>,
    /// How many of each kind were known before.
    pub known: BTreeMap<String, u64>,
    /// Rows that were malformed or refused.
    pub fault_count: u64,
    /// The first [`NAMED_FAULTS`] of them.
    pub faults: Vec<Fault>,
    /// Facts about the data that a reader must know.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// A row that was malformed or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, without `.zst`.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, without the value.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

impl Report {
    pub(super) fn print(&self, tenant: &str) {
        println!("tenant {tenant}, {:.1} s", self.seconds);
        for (kind, read) in &self.read {
            let count = |of: &BTreeMap<String, u64>| of.get(kind).copied().unwrap_or(0);
            println!("  {kind:<16} {read:>8} read {:>8} new {:>8} known", count(&self.new), count(&self.known));
        }
        for note in &self.notes {
            println!("  {note}");
        }
        println!("  {} rows refused", self.fault_count);
        for fault in &self.faults {
            println!("    {fault}");
        }
    }
}

/// Faults in the order in which they were found: all counted, the first kept.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    pub(super) first: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, file: &str, line: u64, reason: impl Into<String>) {
        self.count += 1;
        if self.first.len() < NAMED_FAULTS {
            self.first.push(Fault { file: file.to_owned(), line, reason: reason.into() });
        }
    }
}

/// Something to be sent, and the row that it came from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sourced<T> {
    pub(super) item: T,
    pub(super) file: &'static str,
    pub(super) line: u64,
}

/// The items of sourced ones, for sending.
pub(super) fn items<T: Clone>(rows: &[Sourced<T>]) -> impl Iterator<Item = T> {
    rows.iter().map(|row| row.item.clone())
}

/// A report while it is written.
pub(super) struct Ledger {
    report: Report,
    faults: Faults,
    started: Instant,
}

impl Ledger {
    pub(super) fn new(started: Instant, faults: Faults) -> Ledger {
        Ledger { report: Report::default(), faults, started }
    }

    /// Enters what became of the rows of one kind; refusals get their file and line back.
    pub(super) fn enter<T>(&mut self, kind: &str, rows: &[Sourced<T>], loaded: Loaded) {
        for (count, of) in [
            (rows.len() as u64, &mut self.report.read),
            (loaded.new, &mut self.report.new),
            (loaded.known, &mut self.report.known),
        ] {
            of.insert(kind.to_owned(), count);
        }
        let kept = loaded.faults.len() as u64;
        for fault in loaded.faults {
            let source = usize::try_from(fault.index).ok().and_then(|index| rows.get(index));
            let (file, line) = source.map_or(("", 0), |row| (row.file, row.line));
            self.faults.add(file, line, format!("refused: {} {}", fault.field, fault.description));
        }
        self.faults.count += loaded.refused.saturating_sub(kept);
    }

    pub(super) fn close(mut self, notes: Vec<String>) -> Report {
        self.report.notes = notes;
        self.report.fault_count = self.faults.count;
        self.report.faults = self.faults.first;
        self.report.seconds = self.started.elapsed().as_secs_f64();
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;

    #[test]
    fn a_refused_row_gets_its_file_and_line_back() {
        let rows = [3, 9].map(|line| Sourced { item: (), file: "t.asc", line });
        let fault = load::Fault { index: 1, field: "open_day".to_owned(), description: "is required".to_owned() };
        let loaded = Loaded { sent: 2, new: 1, known: 0, refused: 5, faults: vec![fault] };
        let mut ledger = Ledger::new(Instant::now(), Faults::default());
        ledger.enter("cards", &rows, loaded);
        let report = ledger.close(Vec::new());
        assert_eq!((report.read["cards"], report.new["cards"], report.fault_count), (2, 1, 5));
        assert_eq!(report.faults[0].to_string(), "t.asc:9: refused: open_day is required");
    }

    #[test]
    fn faults_are_all_counted_and_the_first_named() {
        let mut faults = Faults::default();
        (0..500).for_each(|line| faults.add("t.asc", line, "is odd"));
        assert_eq!((faults.count, faults.first.len()), (500, NAMED_FAULTS));
    }
}
