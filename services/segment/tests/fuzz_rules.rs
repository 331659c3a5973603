//! A short run of the rule fuzzer. A long one: `cargo run -p huan-segment --example fuzz_rules -- SECONDS SEED`.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod fuzz;

use std::time::Duration;

#[test]
fn whatever_is_written_is_a_rule_or_has_faults_that_point_into_it() {
    let report = fuzz::run(20_261_128, |report| report.rules < 1500);
    assert!(report.valid > 100, "{report:?}");
    assert!(report.slowest < Duration::from_secs(20), "{report:?}");
}
