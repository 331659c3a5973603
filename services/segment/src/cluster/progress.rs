//! How far a fit is, seen by those who wait for it, and their word that it should stop.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use huan_proto::segment::v1::ClusteringPhase;

/// What one fit and those who watch it share.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicI32,
    percent: AtomicI32,
    held: AtomicBool,
    stop: AtomicBool,
}

/// It was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// Of 100, what is done when each phase begins.
const BEGINS: [i32; 6] = [0, 0, 5, 45, 80, 100];

impl Progress {
    /// Notes that `done` of `all` steps of a phase are done. Errors: Stopped.
    pub fn note(&self, phase: ClusteringPhase, done: usize, all: usize) -> Result<(), Stopped> {
        if self.held.load(Ordering::Relaxed) {
            return self.check();
        }
        let (from, to) = (BEGINS[phase as usize], BEGINS[phase as usize + 1]);
        let share = done.min(all) as f64 / all.max(1) as f64;
        self.phase.store(phase.into(), Ordering::Relaxed);
        self.percent.store(from + (f64::from(to - from) * share) as i32, Ordering::Relaxed);
        self.check()
    }

    /// Runs a part of a step whose own steps are not noted.
    pub fn within<T>(&self, part: impl FnOnce() -> T) -> T {
        self.held.store(true, Ordering::Relaxed);
        let done = part();
        self.held.store(false, Ordering::Relaxed);
        done
    }

    /// Errors: Stopped, if it was told to.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// Tells it to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The phase and how much is done of all, 0 to 100.
    pub fn seen(&self) -> (i32, i32) {
        (self.phase.load(Ordering::Relaxed), self.percent.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_from_phase_to_phase_until_it_is_stopped() {
        let progress = Progress::default();
        assert_eq!(progress.seen(), (0, 0));
        progress.note(ClusteringPhase::Choosing, 1, 2).unwrap();
        assert_eq!(progress.seen(), (ClusteringPhase::Choosing.into(), 25));
        progress.within(|| progress.note(ClusteringPhase::Preparing, 0, 2)).unwrap();
        progress.note(ClusteringPhase::Explaining, 3, 3).unwrap();
        assert_eq!(progress.seen().1, 100);
        progress.stop();
        assert_eq!(progress.note(ClusteringPhase::Explaining, 3, 3), Err(Stopped));
    }
}
