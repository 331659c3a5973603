//! How far a load has come: a bar on a terminal, a line every few seconds elsewhere, nothing for what is quickly done.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    done: AtomicU64,
    /// When the last line was written.
    said: Mutex<Instant>,
}

impl Progress {
    /// Begins. The hint is that of the rows' iterator; without an upper bound there is a count and no bar.
    pub(super) fn new(what: &'static str, hint: (usize, Option<usize>)) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| match hint.1 {
            Some(most) => crate::progress::bar(what, most as u64),
            None => ProgressBar::new_spinner().with_message(what),
        });
        Progress { what, bar, done: AtomicU64::new(0), said: Mutex::new(Instant::now()) }
    }

    /// Counts rows that were answered.
    pub(super) fn add(&self, rows: u64) {
        let done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        match &self.bar {
            Some(bar) if bar.length().is_some() => bar.inc(rows),
            Some(bar) => bar.set_message(format!("{done} {}", self.what)),
            None => self.say(done),
        }
    }

    /// Ends.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, done: u64) {
        let Ok(mut said) = self.said.lock() else { return };
        if said.elapsed() >= EVERY {
            eprintln!("  {done} {}", self.what);
            *said = Instant::now();
        }
    }
}
