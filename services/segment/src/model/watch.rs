//! A training as seen from outside: how far it is, and whether it is to stop.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Shared between a training and those who look at it.
#[derive(Debug, Default)]
pub struct Watch {
    thousandths: AtomicU32,
    stopped: AtomicBool,
}

/// A training that was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Watch {
    /// Notes how much is done, 0 to 1. Errors: Stopped, if it is to go no further.
    pub fn reach(&self, done: f64) -> Result<(), Stopped> {
        self.thousandths.store((done.clamp(0.0, 1.0) * 1000.0) as u32, Ordering::Relaxed);
        if self.stopped.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// How much is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        f64::from(self.thousandths.load(Ordering::Relaxed)) / 1000.0
    }

    /// Tells the training to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// A part of a training, from one share of the whole to another.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    watch: &'a Watch,
    from: f64,
    to: f64,
}

impl<'a> Part<'a> {
    /// The part between two shares of the whole.
    pub fn new(watch: &'a Watch, from: f64, to: f64) -> Self {
        Self { watch, from, to }
    }

    /// A part of this part.
    pub fn part(&self, from: f64, to: f64) -> Self {
        let at = |share: f64| self.from + (self.to - self.from) * share;
        Self { watch: self.watch, from: at(from), to: at(to) }
    }

    /// Notes how much of this part is done. Errors: Stopped, if it is to go no further.
    pub fn reach(&self, done: f64) -> Result<(), Stopped> {
        self.watch.reach(self.from + (self.to - self.from) * done)
    }
}
