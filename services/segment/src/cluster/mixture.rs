//! Mixtures of Gaussians with full covariances, fitted by expectation-maximisation (Dempster, Laird and Rubin 1977).
//!
//! linfa's mixture adds up densities as they are: a customer far from every component makes them all 0 and the fit not a
//! number. Here the logarithms are added (log-sum-exp), and both steps are one pass over the points on all cores.

use huan_proto::segment::v1::ClusteringPhase;

use super::eigen::cholesky;
use super::progress::{Progress, Stopped};
use super::{Points, lloyd, means_of, sizes_of};

/// Added to every variance, so that a component never collapses.
const RIDGE: f64 = 1e-6;

/// It has converged when the mean log-likelihood gains less.
const TOLERANCE: f64 = 1e-3;

/// The most rounds.
const ROUNDS: usize = 200;

/// Points of a block: what a thread takes at once.
const BLOCK: usize = 1024;

/// A mixture, ready to weigh points.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// The share of each component.
    pub weights: Vec<f64>,
    /// The mean of each, row by row.
    pub means: Vec<f64>,
    /// The covariance matrix of each, row by row.
    pub covariances: Vec<f64>,
    factors: Vec<f64>,
    constants: Vec<f64>,
}

impl Mixture {
    /// A mixture of these parameters; `None` if a covariance is not positive definite.
    pub fn new(weights: Vec<f64>, means: Vec<f64>, covariances: Vec<f64>) -> Option<Self> {
        let width = means.len().checked_div(weights.len())?;
        let (mut factors, mut constants) = (Vec::new(), Vec::new());
        for (covariance, weight) in covariances.chunks_exact(width * width).zip(&weights) {
            let factor = cholesky(covariance, width)?;
            let half_determinant: f64 = (0..width).map(|at| factor[at * width + at].ln()).sum();
            constants.push(weight.ln() - 0.5 * width as f64 * std::f64::consts::TAU.ln() - half_determinant);
            factors.extend(factor);
        }
        (constants.len() == weights.len()).then_some(Self { weights, means, covariances, factors, constants })
    }

    /// Fits a mixture that begins as labels say, each of which has points. Errors: Stopped; nothing, if a component
    /// collapses.
    pub fn fit(
        points: &Points,
        labels: &[u32],
        k: usize,
        threads: usize,
        progress: &Progress,
    ) -> Result<Option<Self>, Stopped> {
        let Some(mut mixture) = Self::begin(points, labels, k) else { return Ok(None) };
        let mut before = f64::NEG_INFINITY;
        for round in 0..ROUNDS {
            progress.note(ClusteringPhase::Fitting, round, ROUNDS)?;
            let sums = mixture.weigh(points, threads);
            let likelihood = sums.likelihood / points.len() as f64;
            let Some(next) = mixture.moved(&sums, points.len()) else { return Ok(None) };
            mixture = next;
            if (likelihood - before).abs() < TOLERANCE {
                break;
            }
            before = likelihood;
        }
        Ok(Some(mixture))
    }

    /// The component of the greatest posterior probability.
    pub fn place(&self, row: &[f64]) -> usize {
        let scores = self.scores(row).into_iter().enumerate();
        scores.max_by(|left, right| left.1.total_cmp(&right.1).then(right.0.cmp(&left.0))).map_or(0, |(place, _)| place)
    }

    /// The posterior probability of each component.
    pub fn posteriors(&self, row: &[f64]) -> Vec<f64> {
        let mut scores = self.scores(row);
        let total = log_sum(&scores);
        scores.iter_mut().for_each(|score| *score = (*score - total).exp());
        scores
    }

    fn begin(points: &Points, labels: &[u32], k: usize) -> Option<Self> {
        let (means, sizes, width) = (means_of(points, labels, k), sizes_of(labels, k), points.width);
        let mut sums = Sums::new(k, width);
        for (row, label) in points.rows().zip(labels) {
            sums.add(*label as usize, 1.0, row, &means);
        }
        let weights = sizes.iter().map(|size| *size as f64 / points.len() as f64).collect();
        Self { weights, means, covariances: Vec::new(), factors: Vec::new(), constants: Vec::new() }
            .moved(&sums, points.len())
    }

    /// The logarithm of each component's weight times its density.
    fn scores(&self, row: &[f64]) -> Vec<f64> {
        let width = row.len();
        let components = self.means.chunks_exact(width).zip(self.factors.chunks_exact(width * width));
        components
            .zip(&self.constants)
            .map(|((mean, factor), constant)| constant - 0.5 * mahalanobis(row, mean, factor))
            .collect()
    }

    fn weigh(&self, points: &Points, threads: usize) -> Sums {
        let k = self.weights.len();
        let mut blocks: Vec<Sums> = (0..points.len().div_ceil(BLOCK)).map(|_| Sums::new(k, points.width)).collect();
        lloyd::each(points.values.chunks(BLOCK * points.width).zip(&mut blocks), threads, |(rows, sums)| {
            for row in rows.chunks_exact(points.width) {
                let scores = self.scores(row);
                let total = log_sum(&scores);
                sums.likelihood += total;
                for (place, score) in scores.iter().enumerate() {
                    sums.add(place, (score - total).exp(), row, &self.means);
                }
            }
        });
        blocks.into_iter().fold(Sums::new(k, points.width), Sums::and)
    }

    /// The mixture of the weighted means and covariances; `None` if a component has no points.
    fn moved(&self, sums: &Sums, count: usize) -> Option<Self> {
        let width = self.means.len() / self.weights.len();
        let (mut means, mut covariances) = (self.means.clone(), sums.squares.clone());
        let components = means.chunks_exact_mut(width).zip(covariances.chunks_exact_mut(width * width));
        for ((mean, covariance), (size, shift)) in
            components.zip(sums.sizes.iter().zip(sums.shifts.chunks_exact(width)))
        {
            if *size < 1e-9 {
                return None;
            }
            for (row, line) in covariance.chunks_exact_mut(width).enumerate() {
                let cells = line.iter_mut().zip(shift);
                cells.for_each(|(cell, other)| *cell = *cell / size - shift[row] / size * (other / size));
                line[row] += RIDGE;
            }
            mean.iter_mut().zip(shift).for_each(|(mean, shift)| *mean += shift / size);
        }
        let weights = sums.sizes.iter().map(|size| size / count as f64).collect();
        Self::new(weights, means, covariances)
    }
}

/// Weighted sums of points about the means before.
struct Sums {
    sizes: Vec<f64>,
    shifts: Vec<f64>,
    squares: Vec<f64>,
    likelihood: f64,
}

impl Sums {
    fn new(k: usize, width: usize) -> Self {
        Self {
            sizes: vec![0.0; k],
            shifts: vec![0.0; k * width],
            squares: vec![0.0; k * width * width],
            likelihood: 0.0,
        }
    }

    fn add(&mut self, place: usize, weight: f64, row: &[f64], means: &[f64]) {
        let width = row.len();
        if weight < 1e-16 {
            return;
        }
        self.sizes[place] += weight;
        let apart: Vec<f64> = row.iter().zip(&means[place * width..]).map(|(value, mean)| value - mean).collect();
        let shifts = self.shifts[place * width..].iter_mut().zip(&apart);
        shifts.for_each(|(shift, apart)| *shift += weight * apart);
        let squares = &mut self.squares[place * width * width..(place + 1) * width * width];
        for (line, left) in squares.chunks_exact_mut(width).zip(&apart) {
            let left = weight * left;
            line.iter_mut().zip(&apart).for_each(|(cell, right)| *cell += left * right);
        }
    }

    fn and(mut self, more: Self) -> Self {
        let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut self.sizes, &more.sizes);
        add(&mut self.shifts, &more.shifts);
        add(&mut self.squares, &more.squares);
        self.likelihood += more.likelihood;
        self
    }
}

/// The squared distance of a row to a mean, in the metric of a covariance with this lower factor.
fn mahalanobis(row: &[f64], mean: &[f64], factor: &[f64]) -> f64 {
    let width = row.len();
    let mut solved = Vec::with_capacity(width);
    for at in 0..width {
        let line = &factor[at * width..at * width + at + 1];
        let known: f64 = line.iter().zip(&solved).map(|(cell, solved): (&f64, &f64)| cell * solved).sum();
        solved.push((row[at] - mean[at] - known) / line[at]);
    }
    solved.iter().map(|value| value * value).sum()
}

fn log_sum(scores: &[f64]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + scores.iter().map(|score| (score - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::draw::Draw;

    /// A long thin group across a round one, which k-means cannot tell apart, and a customer far from both.
    fn cross() -> (Points, Vec<u32>) {
        let mut draw = Draw::new(4, 0);
        let mut normal = move || (0..12).map(|_| draw.unit()).sum::<f64>() - 6.0;
        let mut values = Vec::new();
        for _ in 0..600 {
            values.extend([normal() * 6.0, normal() * 0.1]);
        }
        for _ in 0..600 {
            values.extend([normal() * 0.5, normal() * 0.5 + 3.0]);
        }
        values.extend([500.0, -500.0]);
        (Points { values, width: 2 }, (0..1201).map(|at| u32::from(at >= 600)).collect())
    }

    #[test]
    fn groups_of_unlike_shapes_are_told_apart_and_an_outlier_does_no_harm() {
        let (points, truth) = cross();
        let start: Vec<u32> = points.rows().map(|row| u32::from(row[1] > 1.5)).collect();
        let mixture = Mixture::fit(&points, &start, 2, 2, &Progress::default()).unwrap().unwrap();
        let right = points.rows().zip(&truth).filter(|(row, label)| mixture.place(row) == **label as usize).count();
        assert!(right > 1150, "{right} {:?}", mixture.means);
        assert!(mixture.posteriors(&[1e6, 1e6]).iter().all(|share| share.is_finite()));
        assert!((mixture.posteriors(&[0.3, 0.2]).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn any_number_of_threads_finds_the_same_bits() {
        let (points, truth) = cross();
        let fit = |threads| Mixture::fit(&points, &truth, 2, threads, &Progress::default()).unwrap();
        assert_eq!(fit(1), fit(3));
    }

    #[test]
    fn a_component_without_points_is_refused() {
        let points = Points { values: vec![1.0, 2.0, 3.0], width: 1 };
        assert_eq!(Mixture::fit(&points, &[0, 0, 0], 2, 1, &Progress::default()), Ok(None));
    }
}
