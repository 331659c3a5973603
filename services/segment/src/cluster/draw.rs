//! Drawing by a seed: samples, bootstraps and weighted choices.

use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};

/// A source of draws.
#[derive(Clone, Debug)]
pub struct Draw(Xoshiro256Plus);

impl Draw {
    /// The draws of a seed. `stream` keeps those of different uses apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256Plus::seed_from_u64(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number of 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((self.unit() * bound as f64) as usize).min(bound - 1)
    }

    /// `size` of `all` without repeats, ascending; all if there are no more (Knuth, TAOCP 3.4.2, algorithm S).
    pub fn sample(&mut self, all: usize, size: usize) -> Vec<usize> {
        if size >= all {
            return (0..all).collect();
        }
        let mut chosen = Vec::with_capacity(size);
        for at in 0..all {
            if self.unit() * ((all - at) as f64) < (size - chosen.len()) as f64 {
                chosen.push(at);
            }
        }
        chosen
    }

    /// `size` of `all` with repeats (a bootstrap sample).
    pub fn resample(&mut self, all: usize, size: usize) -> Vec<usize> {
        (0..size).map(|_| self.below(all)).collect()
    }

    /// One by weight; any, if all weights are 0.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return self.below(weights.len());
        }
        let (mut left, mut last) = (self.unit() * total, 0);
        for (at, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            last = at;
            left -= weight;
            if left < 0.0 {
                return at;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_size_and_no_repeats() {
        let mut draw = Draw::new(7, 1);
        let sample = draw.sample(1000, 100);
        assert_eq!(sample.len(), 100);
        assert!(sample.windows(2).all(|pair| pair[0] < pair[1]) && sample[99] < 1000);
        assert_eq!(draw.sample(3, 100), [0, 1, 2]);
    }

    #[test]
    fn every_one_is_drawn_as_often_as_its_weight() {
        let mut draw = Draw::new(7, 2);
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[draw.weighted(&[1.0, 0.0, 3.0])] += 1);
        assert!(counts[1] == 0 && (counts[0] - 2500_i32).abs() < 200, "{counts:?}");
        let sampled = (0..2000).map(|_| draw.sample(10, 3)).filter(|sample| sample.contains(&9)).count();
        assert!((sampled as i32 - 600).abs() < 80, "{sampled}");
    }

    #[test]
    fn a_seed_draws_the_same_and_streams_differ() {
        assert_eq!(Draw::new(1, 1).resample(100, 9), Draw::new(1, 1).resample(100, 9));
        assert_ne!(Draw::new(1, 1).resample(100, 9), Draw::new(1, 2).resample(100, 9));
    }
}
