//! Means and variances gathered a value at a time, or from parts of the whole (Chan, Golub and LeVeque 1979): exact
//! whatever the values' distance from zero. Pure.

use crate::effect::ArmStats;

/// Number, mean and squared deviations of the values so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Begins with `n` values of this `mean`, whose squared deviations from it sum to `squares`.
    pub fn new(n: u64, mean: f64, squares: f64) -> Self {
        if n == 0 { Self::default() } else { Self { n, mean, squares } }
    }

    /// Adds one value (Welford 1962).
    pub fn push(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// Adds all values of another (Chan, Golub and LeVeque 1979, equation 1.5).
    pub fn merge(&mut self, other: &Self) {
        if self.n == 0 {
            *self = *other;
        } else if other.n > 0 {
            let n = (self.n + other.n) as f64;
            let apart = other.mean - self.mean;
            self.squares += other.squares + apart * apart * (self.n as f64 * other.n as f64 / n);
            self.mean += apart * (other.n as f64 / n);
            self.n += other.n;
        }
    }

    /// The statistics of the values so far.
    pub fn stats(&self) -> ArmStats {
        let variance = if self.n < 2 { 0.0 } else { self.squares / (self.n - 1) as f64 };
        ArmStats { n: self.n, mean: self.mean, variance }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs()
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let value = |i: u32| f64::from((i * 7919) % 1009);
        let whole = (0..1000).map(value).collect::<Moments>().stats();
        for cut in [0, 1, 2, 500, 999, 1000] {
            let mut parts = (0..cut).map(value).collect::<Moments>();
            parts.merge(&(cut..1000).map(value).collect());
            let merged = parts.stats();
            assert_eq!(merged.n, whole.n);
            assert!(close(merged.mean, whole.mean) && close(merged.variance, whole.variance), "cut at {cut}");
        }
    }

    #[test]
    fn a_far_off_mean_costs_no_digits() {
        let far = (0..1000).map(|i| 1e12 + f64::from(i % 2)).collect::<Moments>().stats();
        assert!(close(far.variance, 250.0 / 999.0));
    }

    #[test]
    fn zeros_need_not_be_counted_out() {
        let mut some: Moments = [3.0, 5.0].into_iter().collect();
        some.merge(&Moments::new(8, 0.0, 0.0));
        let all: Moments = [3.0, 5.0].into_iter().chain([0.0; 8]).collect();
        assert!(close(some.stats().variance, all.stats().variance));
        assert_eq!(Moments::new(0, f64::NAN, f64::NAN), Moments::default());
    }
}
