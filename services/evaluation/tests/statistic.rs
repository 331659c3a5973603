//! Statistics agree with scipy, statsmodels and mpmath to 1e-9; the numbers are in `data/`, made by `make_effect.py`.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use huan_evaluation::{
    effect::{ArmStats, welch},
    normal,
    ratio::sample_ratio,
    student::{two_sided, two_sided_quantile},
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Tail {
    df: f64,
    t: f64,
    p: f64,
}

#[derive(Debug, Deserialize)]
struct Quantile {
    df: f64,
    alpha: f64,
    t: f64,
}

#[derive(Debug, Deserialize)]
struct Welch {
    treatment: (u64, f64, f64),
    control: (u64, f64, f64),
    confidence: f64,
    difference: f64,
    standard_error: f64,
    degrees_of_freedom: f64,
    lower: f64,
    upper: f64,
    p_value: f64,
}

#[derive(Debug, Deserialize)]
struct Ratio {
    treatment: u64,
    control: u64,
    expected_share: f64,
    observed_share: f64,
    chi_squared: f64,
    p_value: f64,
}

#[test]
fn tails_of_students_t_agree() {
    for row in rows::<Tail>(include_str!("data/student.json")) {
        close("p", two_sided(row.t, row.df), row.p, 1e-11, &row);
        assert_eq!(two_sided(-row.t, row.df), two_sided(row.t, row.df));
    }
}

#[test]
fn quantiles_of_students_t_agree() {
    for row in rows::<Quantile>(include_str!("data/quantile.json")) {
        close("t", two_sided_quantile(row.alpha, row.df), row.t, 1e-11, &row);
    }
}

#[test]
fn many_degrees_of_freedom_end_in_the_normal_distribution() {
    for z in [0.0, 1e-6, 0.5, 1.96, 2.5, 2.9, 8.0, 37.0] {
        let p = normal::two_sided(z);
        assert!((two_sided(z, f64::INFINITY) - p).abs() <= 1e-11 * p);
    }
    assert!((two_sided_quantile(0.05, f64::INFINITY) - 1.959963984540054).abs() < 1e-14);
    assert_eq!(two_sided(f64::INFINITY, 5.0), 0.0);
    assert_eq!(two_sided(0.0, 5.0), 1.0);
}

#[test]
fn effects_agree() {
    for row in rows::<Welch>(include_str!("data/welch.json")) {
        let effect = welch(arm(row.treatment), arm(row.control), row.confidence);
        close("difference", effect.difference, row.difference, 1e-12, &row);
        close("standard_error", effect.standard_error, row.standard_error, 1e-12, &row);
        close("degrees_of_freedom", effect.degrees_of_freedom, row.degrees_of_freedom, 1e-12, &row);
        close("lower", effect.lower, row.lower, 1e-9, &row);
        close("upper", effect.upper, row.upper, 1e-9, &row);
        close("p_value", effect.p_value, row.p_value, 1e-9, &row);
    }
}

#[test]
fn sample_ratios_agree() {
    for row in rows::<Ratio>(include_str!("data/ratio.json")) {
        let ratio = sample_ratio(row.treatment, row.control, row.expected_share);
        close("expected_share", ratio.expected_share, row.expected_share, 1e-15, &row);
        close("observed_share", ratio.observed_share, row.observed_share, 1e-15, &row);
        close("chi_squared", ratio.chi_squared, row.chi_squared, 1e-9, &row);
        close("p_value", ratio.p_value, row.p_value, 1e-9, &row);
        assert_eq!(ratio.sound, row.p_value >= 0.001);
    }
}

fn rows<T: for<'d> Deserialize<'d>>(text: &str) -> Vec<T> {
    serde_json::from_str(text).unwrap()
}

fn arm((n, mean, variance): (u64, f64, f64)) -> ArmStats {
    ArmStats { n, mean, variance }
}

fn close(what: &str, ours: f64, theirs: f64, relative: f64, row: &impl std::fmt::Debug) {
    assert!((ours - theirs).abs() <= relative * theirs.abs(), "{what}: {ours:e} instead of {theirs:e} in {row:?}");
}
