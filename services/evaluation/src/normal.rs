//! The normal distribution's tails, to thirteen digits down to the smallest doubles. Pure.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// From here the continued fraction converges fast, and one less the series would begin to cost digits.
const FAR: f64 = 2.0;

/// The chance that a standard normal variable is farther than `z` from zero, on either side.
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() * FRAC_1_SQRT_2)
}

/// The complementary error function, for x ≥ 0.
pub fn erfc(x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x < FAR {
        1.0 - erf(x)
    } else {
        (-x * x).exp() / PI.sqrt() * fraction(x)
    }
}

/// Abramowitz and Stegun 7.1.6; all terms are positive.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))) (Abramowitz and Stegun 7.1.14), from the inside out.
fn fraction(x: f64) -> f64 {
    // As many steps as the slowest x needs.
    let inner = (1..=120).rev().fold(x, |inner, k| x + 0.5 * f64::from(k) / inner);
    1.0 / inner
}
