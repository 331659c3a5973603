//! The sample-ratio check: whether two arms are as large as they were meant to be (Pearson's chi-squared test, one
//! degree of freedom). If not, customers were lost or added on one side, and no effect can be believed. Pure.

use crate::normal;

/// Below this p-value the sizes are not chance.
pub const BROKEN: f64 = 0.001;

/// How two arms' sizes agree with what was meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRatio {
    /// Intended share of the treatment among the two.
    pub expected_share: f64,
    /// Its share as it is.
    pub observed_share: f64,
    /// Pearson's statistic; infinite if an arm that was meant to be empty is not.
    pub chi_squared: f64,
    /// Its p-value.
    pub p_value: f64,
    /// False if the p-value is below [`BROKEN`].
    pub sound: bool,
}

/// Tests the arms' sizes against the treatment's intended share of both, 0 to 1. Together they must not be empty.
pub fn sample_ratio(treatment: u64, control: u64, expected_share: f64) -> SampleRatio {
    let n = (treatment + control) as f64;
    let observed_share = treatment as f64 / n;
    // Σ (observed − expected)²/expected over both arms, which share one deviation.
    let deviation = treatment as f64 - n * expected_share;
    let spread = n * expected_share * (1.0 - expected_share);
    let chi_squared = if deviation == 0.0 { 0.0 } else { deviation * deviation / spread };
    let p_value = normal::two_sided(chi_squared.sqrt());
    SampleRatio { expected_share, observed_share, chi_squared, p_value, sound: p_value >= BROKEN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_part_of_an_arm_is_not_sound() {
        assert!(sample_ratio(50_000, 50_100, 0.5).sound);
        assert!(!sample_ratio(50_000, 48_000, 0.5).sound);
    }

    #[test]
    fn an_arm_meant_to_be_empty_is_judged() {
        assert!(sample_ratio(10, 0, 1.0).sound);
        let broken = sample_ratio(10, 1, 1.0);
        assert_eq!((broken.chi_squared, broken.p_value, broken.sound), (f64::INFINITY, 0.0, false));
    }
}
