//! How far values are from those of training: histograms that are kept, and the population stability index between two.

use huan_proto::segment::v1 as pb;

use super::calibration::quantile;
use super::prepare::Cell;

/// Shares below this count as this: an empty bin would be infinitely far away.
const LEAST: f64 = 1e-4;

/// Texts that have a bin of their own.
const CATEGORIES: usize = 50;

/// The population stability index of shares against those expected: Σ (a − e) ln(a / e), which is the relative entropy of
/// both directions added (Jeffreys 1946; Siddiqi 2006 for its use). Shares below 0.0001 count as that.
pub fn psi(expected: &[f64], actual: &[f64]) -> f64 {
    let term = |(expected, actual): (&f64, &f64)| {
        let (expected, actual) = (expected.max(LEAST), actual.max(LEAST));
        (actual - expected) * (actual / expected).ln()
    };
    expected.iter().zip(actual).map(term).sum()
}

/// The histogram of numbers by their tenths; NaN = missing.
pub fn histogram_of_numbers(values: &[f64]) -> pb::Histogram {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut bounds = Vec::new();
    if !sorted.is_empty() {
        bounds.extend((1..10).map(|tenth| quantile(&sorted, f64::from(tenth) / 10.0)));
        bounds.dedup();
    }
    let empty = pb::Histogram { bounds, ..Default::default() };
    let shares = shares(&empty, values.iter().map(|value| Cell::of(*value)));
    pb::Histogram { shares, ..empty }
}

/// The histogram of texts: the most frequent have a bin each.
pub fn histogram_of_texts<'a>(cells: impl Iterator<Item = Cell<'a>> + Clone) -> pb::Histogram {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for cell in cells.clone() {
        if let Cell::Text(text) = cell {
            *counts.entry(text).or_default() += 1;
        }
    }
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().collect();
    frequent.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    let mut categories: Vec<String> = frequent.into_iter().take(CATEGORIES).map(|(text, _)| text.to_owned()).collect();
    categories.sort_unstable();
    let empty = pb::Histogram { categories, ..Default::default() };
    let shares = shares(&empty, cells);
    pb::Histogram { shares, ..empty }
}

/// The shares of values in the bins of a histogram, last the missing ones; all 0 of no values.
pub fn shares<'a>(histogram: &pb::Histogram, cells: impl Iterator<Item = Cell<'a>>) -> Vec<f64> {
    let mut counter = Counter::new(histogram);
    cells.for_each(|cell| counter.add(histogram, cell));
    counter.shares()
}

/// Counts values into the bins of a histogram, one after the other.
#[derive(Clone, Debug)]
pub struct Counter(Vec<u64>);

impl Counter {
    /// Begins with none.
    pub fn new(histogram: &pb::Histogram) -> Self {
        Self(vec![0; histogram.bounds.len() + histogram.categories.len() + 2])
    }

    /// Counts a value.
    pub fn add(&mut self, histogram: &pb::Histogram, cell: Cell<'_>) {
        let last = self.0.len() - 1;
        let bin = match cell {
            Cell::Missing => last,
            Cell::Number(value) => histogram.bounds.partition_point(|bound| *bound < value),
            Cell::Text(text) => {
                histogram.categories.binary_search_by(|known| known.as_str().cmp(text)).unwrap_or(last - 1)
            }
        };
        self.0[bin.min(last)] += 1;
    }

    /// The shares, last the missing ones; all 0 if nothing was counted.
    pub fn shares(&self) -> Vec<f64> {
        let all = self.0.iter().sum::<u64>().max(1) as f64;
        self.0.iter().map(|count| *count as f64 / all).collect()
    }
}
