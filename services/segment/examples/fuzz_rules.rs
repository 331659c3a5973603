//! A long run of the rule fuzzer: `cargo run -p huan-segment --example fuzz_rules -- SECONDS SEED`. It ends with a panic
//! where a rule breaks a promise, which names the rule, and else with what it saw.

#![allow(clippy::unwrap_used, reason = "the fuzzer ends where it unwraps")]

#[path = "../tests/fuzz/mod.rs"]
mod fuzz;

use std::time::{Duration, Instant};

fn main() {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(seconds)), Some(Ok(seed))) = (numbers.next(), numbers.next()) else {
        eprintln!("fuzz_rules SECONDS SEED");
        std::process::exit(64);
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    println!("{:?}", fuzz::run(seed, |_| Instant::now() < until));
}
