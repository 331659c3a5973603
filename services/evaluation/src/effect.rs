//! The difference of two arms' means, with its uncertainty (Welch 1947, "The generalization of 'Student's' problem").
//! Pure: it takes sufficient statistics and knows nothing of where they come from.

use crate::student;

/// Sufficient statistics of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ArmStats {
    /// Customers.
    pub n: u64,
    /// Their mean outcome.
    pub mean: f64,
    /// The outcome's sample variance (divisor n − 1); 0 for fewer than two customers.
    pub variance: f64,
}

/// The treatment's mean less the control's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The difference.
    pub difference: f64,
    /// Its standard error, √(v₁/n₁ + v₂/n₂).
    pub standard_error: f64,
    /// Welch–Satterthwaite degrees of freedom; n₁ + n₂ − 2 if neither arm varies.
    pub degrees_of_freedom: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
    /// Two-sided p-value of no difference. If neither arm varies: 1 for equal means, else 0.
    pub p_value: f64,
}

/// Estimates the effect with an interval of this `confidence`, 0 < `confidence` < 1. Both arms must have at least two
/// customers: the caller sees to it; with fewer, everything but the difference is NaN.
pub fn welch(treatment: ArmStats, control: ArmStats, confidence: f64) -> Effect {
    let difference = treatment.mean - control.mean;
    if treatment.n < 2 || control.n < 2 {
        return unknown(difference);
    }
    let (v1, v2) = (treatment.variance / treatment.n as f64, control.variance / control.n as f64);
    let standard_error = (v1 + v2).sqrt();
    if standard_error == 0.0 {
        return certain(difference, (treatment.n + control.n - 2) as f64);
    }
    let df = satterthwaite(v1 / (v1 + v2), treatment.n, control.n);
    let reach = student::two_sided_quantile(1.0 - confidence, df) * standard_error;
    Effect {
        difference,
        standard_error,
        degrees_of_freedom: df,
        lower: difference - reach,
        upper: difference + reach,
        p_value: student::two_sided(difference / standard_error, df),
    }
}

/// Degrees of freedom, from the first arm's part of the squared standard error (Satterthwaite 1946, equation 17).
fn satterthwaite(part: f64, n1: u64, n2: u64) -> f64 {
    1.0 / (part * part / (n1 - 1) as f64 + (1.0 - part) * (1.0 - part) / (n2 - 1) as f64)
}

fn certain(difference: f64, df: f64) -> Effect {
    let p_value = if difference == 0.0 { 1.0 } else { 0.0 };
    Effect { difference, standard_error: 0.0, degrees_of_freedom: df, lower: difference, upper: difference, p_value }
}

fn unknown(difference: f64) -> Effect {
    let nan = f64::NAN;
    Effect { difference, standard_error: nan, degrees_of_freedom: nan, lower: nan, upper: nan, p_value: nan }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(n: u64, mean: f64, variance: f64) -> ArmStats {
        ArmStats { n, mean, variance }
    }

    #[test]
    fn arms_that_do_not_vary_are_certain() {
        let effect = welch(arm(10, 3.0, 0.0), arm(20, 1.0, 0.0), 0.95);
        assert_eq!((effect.difference, effect.lower, effect.upper, effect.p_value), (2.0, 2.0, 2.0, 0.0));
        assert_eq!(effect.degrees_of_freedom, 28.0);
        assert_eq!(welch(arm(10, 3.0, 0.0), arm(20, 3.0, 0.0), 0.95).p_value, 1.0);
    }

    #[test]
    fn one_arm_that_does_not_vary_leaves_the_others_freedom() {
        let effect = welch(arm(10, 3.0, 4.0), arm(1_000, 1.0, 0.0), 0.95);
        assert_eq!(effect.degrees_of_freedom, 9.0);
    }

    #[test]
    fn a_single_customer_tells_no_uncertainty() {
        let effect = welch(arm(1, 3.0, 0.0), arm(20, 1.0, 1.0), 0.95);
        assert_eq!(effect.difference, 2.0);
        assert!(effect.standard_error.is_nan() && effect.p_value.is_nan());
    }

    #[test]
    fn great_variances_do_not_overflow() {
        let effect = welch(arm(5, 1e150, 1e300), arm(5, 0.0, 1e300), 0.95);
        assert!((effect.degrees_of_freedom - 8.0).abs() < 1e-12);
        assert!(effect.p_value > 0.0 && effect.p_value < 1.0);
    }
}
