//! How the values of a feature lie: in ten bins of equally many customers, or by word. It is small enough to be kept with
//! every build, so that later ones can be compared with it.

use std::collections::BTreeMap;

use huan_chassis::clock::Day;
use roaring::RoaringBitmap;

use crate::catalogue::{Column, Kind};
use crate::columns::{MISSING_DAY, MISSING_FLAG, MISSING_TEXT, Row, Snapshot};

/// Bins of numbers.
const BINS: usize = 10;
/// Words that have a bin of their own: the most frequent.
const WORDS: usize = 20;
/// The bin of what no value is known of.
pub const MISSING: &str = "missing";
/// The bin of all other words.
const OTHERS: &str = "(others)";

/// The values of a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// Numbers, and days as days before the business day; NaN = missing.
    Numbers(Vec<f64>),
    /// How often each text or flag comes, and how often none does.
    Words(BTreeMap<String, u64>, u64),
}

/// Values in bins, as kept.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Distribution {
    /// Of numbers: where all bins but the first begin, ascending.
    #[prost(double, repeated, tag = "1")]
    pub edges: Vec<f64>,
    /// Of words: those that have a bin of their own.
    #[prost(string, repeated, tag = "2")]
    pub words: Vec<String>,
    /// Of words.
    #[prost(bool, tag = "3")]
    pub is_words: bool,
    /// How many customers are in each bin; of words, the last but one is that of all others; the last is always that of
    /// missing values.
    #[prost(uint64, repeated, tag = "4")]
    pub counts: Vec<u64>,
    /// The same values in the bins of builds before.
    #[prost(message, repeated, tag = "5")]
    pub recounts: Vec<Recount>,
}

/// Values in the bins of a build before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Recount {
    /// The build whose bins they are.
    #[prost(int64, tag = "1")]
    pub version: i64,
    /// How many customers are in each.
    #[prost(uint64, repeated, tag = "2")]
    pub counts: Vec<u64>,
}

impl Distribution {
    /// Puts values into bins of their own. Edges of numbers are the deciles, interpolated linearly (Hyndman & Fan, Sample
    /// Quantiles in Statistical Packages, 1996, definition 7), each once.
    pub fn of(sample: &Sample) -> Self {
        let mut found = Self::default();
        match sample {
            Sample::Numbers(values) => found.edges = edges(values),
            Sample::Words(words, _) => {
                let mut frequent: Vec<_> = words.iter().collect();
                frequent.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), word.as_str()));
                found.words = frequent.into_iter().take(WORDS).map(|(word, _)| word.clone()).collect();
                found.is_words = true;
            }
        }
        found.counts = found.count(sample);
        found
    }

    /// Counts values in these bins. A sample of the other kind is missing altogether.
    pub fn count(&self, sample: &Sample) -> Vec<u64> {
        let bins = if self.is_words { self.words.len() + 2 } else { self.edges.len() + 2 };
        let mut counts = vec![0; bins];
        match sample {
            Sample::Numbers(values) if self.is_words => counts[bins - 1] = values.len() as u64,
            Sample::Numbers(values) => {
                for value in values {
                    let bin = self.edges.partition_point(|edge| edge <= value);
                    counts[if value.is_nan() { bins - 1 } else { bin }] += 1;
                }
            }
            Sample::Words(words, missing) => {
                counts[bins - 1] = *missing;
                for (word, count) in words {
                    let bin = self.words.iter().position(|known| known == word).unwrap_or(self.words.len());
                    counts[if self.is_words { bin } else { bins - 1 }] += count;
                }
            }
        }
        counts
    }

    /// What is in each bin, in their order.
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = match (self.is_words, self.edges.as_slice()) {
            (true, _) => self.words.iter().cloned().chain([OTHERS.to_owned()]).collect(),
            (false, []) => vec!["all".to_owned()],
            (false, [first, .., last]) => {
                let between = self.edges.windows(2).map(|pair| format!("{} to {}", short(pair[0]), short(pair[1])));
                let (below, above) = (format!("below {}", short(*first)), format!("{} and more", short(*last)));
                std::iter::once(below).chain(between).chain([above]).collect()
            }
            (false, [only]) => vec![format!("below {}", short(*only)), format!("{} and more", short(*only))],
        };
        labels.push(MISSING.to_owned());
        labels
    }
}

/// Reads the values of a column, of all customers or of these.
pub fn sample(rows: &Snapshot, column: Column, today: Day, within: Option<&RoaringBitmap>) -> Sample {
    let wanted = |ordinal: u32| within.is_none_or(|within| within.contains(ordinal));
    let chosen = rows.rows(today).filter(|(ordinal, _)| wanted(*ordinal)).map(|(_, row)| row);
    match column.kind {
        Kind::Number => Sample::Numbers(chosen.map(|row| row.number(column.slot)).collect()),
        Kind::Day => Sample::Numbers(chosen.map(|row| age(row.day(column.slot), today)).collect()),
        Kind::Text => words(chosen, |row| (row.text(column.slot), MISSING_TEXT), |row, code| row.spelling(code)),
        Kind::Flag => words(
            chosen,
            |row| (row.flag(column.slot).into(), MISSING_FLAG.into()),
            |_, flag| if flag == 1 { "yes" } else { "no" },
        ),
    }
}

fn age(day: i32, today: Day) -> f64 {
    if day == MISSING_DAY { f64::NAN } else { f64::from(today.0 - day) }
}

fn words<'a>(
    rows: impl Iterator<Item = Row<'a>>,
    code: impl Fn(&Row<'a>) -> (u32, u32),
    spell: impl Fn(&Row<'a>, u32) -> &'a str,
) -> Sample {
    let (mut counts, mut missing) = (BTreeMap::new(), 0);
    for row in rows {
        match code(&row) {
            (code, none) if code == none => missing += 1,
            (code, _) => *counts.entry(spell(&row, code)).or_insert(0) += 1,
        }
    }
    Sample::Words(counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect(), missing)
}

fn edges(values: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS).filter_map(|tenth| quantile(&values, tenth as f64 / BINS as f64)).collect();
    edges.dedup();
    edges
}

/// A quantile of ascending values; `None` if there are none.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let at = values.len().checked_sub(1)? as f64 * share;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    let rest = at - at.floor();
    // From the nearer end, as numpy does: then a value that is met is met exactly.
    Some(if rest >= 0.5 { high - (high - low) * (1.0 - rest) } else { low + (high - low) * rest })
}

/// A number for people: whole, or with at most three digits after the point.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[(&str, u64)], missing: u64) -> Sample {
        Sample::Words(words.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(), missing)
    }

    #[test]
    fn numbers_lie_in_bins_of_equally_many() {
        let found = Distribution::of(&Sample::Numbers((0..100).map(f64::from).chain([f64::NAN]).collect()));
        assert_eq!(found.counts, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1]);
        assert_eq!((found.labels()[0].as_str(), found.labels()[10].as_str()), ("below 9.9", "missing"));
        assert_eq!(found.labels().len(), found.counts.len());
    }

    #[test]
    fn a_number_that_is_common_has_one_edge() {
        let found = Distribution::of(&Sample::Numbers([vec![0.0; 95], vec![1.0; 5]].concat()));
        assert_eq!((found.edges.as_slice(), found.counts.as_slice()), ([0.0].as_slice(), [0, 100, 0].as_slice()));
        assert_eq!(found.labels(), ["below 0", "0 and more", "missing"]);
        let nothing = Distribution::of(&Sample::Numbers(vec![f64::NAN; 3]));
        assert_eq!((nothing.labels(), nothing.counts), (vec!["all".to_owned(), "missing".to_owned()], vec![0, 3]));
    }

    #[test]
    fn new_words_are_others() {
        let found = Distribution::of(&words(&[("east", 3), ("west", 5)], 2));
        assert_eq!(
            (found.labels(), found.counts.clone()),
            (vec!["west".to_owned(), "east".into(), OTHERS.into(), MISSING.into()], vec![5, 3, 0, 2])
        );
        assert_eq!(found.count(&words(&[("north", 4), ("east", 1)], 0)), [0, 1, 4, 0]);
        assert_eq!(found.count(&Sample::Numbers(vec![1.0, 2.0])), [0, 0, 0, 2]);
    }

    #[test]
    fn it_is_kept_as_it_was() {
        let mut found = Distribution::of(&words(&[("east", 3)], 2));
        found.recounts.push(Recount { version: 4, counts: vec![1, 2] });
        let bytes = prost::Message::encode_to_vec(&found);
        assert_eq!(<Distribution as prost::Message>::decode(bytes.as_slice()), Ok(found));
    }
}
