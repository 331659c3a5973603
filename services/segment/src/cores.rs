//! Work on columns, in pieces, on all cores.

use std::num::NonZero;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::columns::Words;

/// So many cores, one at least, as there are and as are worth starting a thread for.
pub fn cores(worth: usize) -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(worth).max(1)
}

/// Does pieces of work on as many cores as are worth it: what came of each, in their order. Each core has room for words
/// that is used again.
pub fn on_all_cores<T: Send>(pieces: usize, worth: usize, work: impl Fn(&mut Vec<Words>, usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut words, mut done) = (Vec::new(), Vec::new());
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return done;
            }
            done.push((piece, work(&mut words, piece)));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..cores(worth)).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, what)| what).collect()
}
