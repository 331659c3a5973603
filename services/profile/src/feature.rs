//! A tenant's feature catalogue: which features there are, which groups of events they sum up, and what is measured of
//! events beside the plain metrics of their types. It computes nothing: accumulators are `window`'s, vectors `vector`'s.

pub mod check;
pub mod plan;
pub mod template;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use huan_proto::profile::v1::{self as pb, feature::Source};

pub use self::plan::{Plan, PlanGroup};
use crate::filter::Filter;

/// The windows, in business days, that an aggregate may have; 0 = ever.
pub const WINDOWS: [u32; 5] = [7, 30, 90, 365, 0];

/// A feature with what the store knows of it besides.
#[derive(Debug)]
pub struct Entry {
    /// The checked feature.
    pub feature: pb::Feature,
    /// Whether vectors hold it; one that is still built is only measured.
    pub in_vectors: bool,
    /// The number of the measure that it reads; 0 = the plain metrics.
    pub measure: u32,
}

/// The checked features of one tenant.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The features that vectors hold, in the order of their numbers.
    pub features: Vec<pb::Feature>,
    /// The distinct groups of events that its aggregates sum up, each accumulated once for all of them.
    pub groups: Vec<Group>,
    /// The group of each feature, by its place in `features`; none if it is no aggregate.
    pub group_of: Vec<Option<usize>>,
    /// How each feature follows from others, by its place in `features`; none if it does not.
    pub derived: Vec<Option<Derived>>,
    /// What is measured apart: of features that are still built, too.
    pub measures: Vec<Measure>,
    /// Grows with every change of the tenant's catalogue.
    pub version: i64,
}

/// The events of some types (none named = all) in a window of days (0 = ever).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// The types' names, ascending.
    pub types: Vec<String>,
    /// The window in days, today included; 0 = ever.
    pub window_days: u32,
    /// The measure summed up; 0 = the plain metrics.
    pub measure: u32,
}

/// What is measured apart from the plain metrics: events that pass a filter, or the values of one attribute.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Its number in packed rows: that of the feature that brought it.
    pub number: u32,
    /// The types' names, ascending; none = all.
    pub types: Vec<String>,
    /// What an event must pass.
    pub filter: Option<Arc<Filter>>,
    /// The attribute whose values are counted; empty = none.
    pub distinct: String,
}

impl Measure {
    /// Whether it depends on attributes of events, and not only on what stands in the open.
    pub fn reads_attributes(&self) -> bool {
        !self.distinct.is_empty() || self.filter.as_ref().is_some_and(|filter| filter.reads_attributes())
    }
}

/// How a feature follows from others, named by their places in the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub enum Derived {
    /// One over the other.
    Ratio(usize, usize),
    /// The rate of the first over that of the second, less one; `scale` is the second window over the first.
    Trend(usize, usize, f64),
    /// One more than the number of bounds that are not above it.
    Score(usize, Vec<f64>, bool),
}

impl Catalogue {
    /// The catalogue of these features, which ascend by number. Error: a filter that no longer parses.
    pub fn of(version: i64, entries: Vec<Entry>) -> Result<Self, String> {
        let mut catalogue = Self { version, ..Self::default() };
        let mut groups: HashMap<Group, usize> = HashMap::new();
        for Entry { feature, in_vectors, measure } in entries {
            catalogue.add_measure(&feature, measure)?;
            if !in_vectors {
                continue;
            }
            let group = Group::of(&feature, measure).map(|group| {
                *groups.entry(group).or_insert_with_key(|group| {
                    catalogue.groups.push(group.clone());
                    catalogue.groups.len() - 1
                })
            });
            catalogue.group_of.push(group);
            catalogue.derived.push(catalogue.derive(&feature));
            catalogue.features.push(feature);
        }
        Ok(catalogue)
    }

    /// Whether a feature tells how customers stand by the tenant's questions.
    pub fn asks_kyc(&self) -> bool {
        self.features.iter().any(is_kyc)
    }

    /// The summaries of relations that vectors hold, each with the number of its feature.
    pub fn relations(&self) -> impl Iterator<Item = (u32, &pb::RelationSource)> {
        self.features.iter().filter_map(|feature| match &feature.source {
            Some(Source::Relation(source)) => Some((feature.number, source)),
            _ => None,
        })
    }

    /// Whether a feature ages at the edges of [`WINDOWS`] though its own window is ever.
    pub fn has_recency_score(&self) -> bool {
        self.features.iter().any(|feature| match &feature.source {
            Some(Source::Aggregate(source)) => source.op() == pb::AggregateOp::RecencyScore,
            _ => false,
        })
    }

    fn add_measure(&mut self, feature: &pb::Feature, number: u32) -> Result<(), String> {
        let Some(Source::Aggregate(source)) = &feature.source else { return Ok(()) };
        if number == 0 || self.measures.iter().any(|measure| measure.number == number) {
            return Ok(());
        }
        let filter = match source.filter.as_str() {
            "" => None,
            text => Some(Arc::new(Filter::new(text).map_err(|faults| faults.join("; "))?)),
        };
        self.measures.push(Measure { number, types: types(source), filter, distinct: source.distinct.clone() });
        Ok(())
    }

    /// A feature that it names is among those before it; one that is still built makes this one missing.
    fn derive(&self, feature: &pb::Feature) -> Option<Derived> {
        let place = |name: &str| self.features.iter().position(|feature| feature.name == name);
        match feature.source.as_ref()? {
            Source::Ratio(source) => Some(Derived::Ratio(place(&source.numerator)?, place(&source.denominator)?)),
            Source::Trend(source) => {
                let (short, long) = (place(&source.short)?, place(&source.long)?);
                let days = |place: usize| window_days(&self.features[place]).map(f64::from);
                Some(Derived::Trend(short, long, days(long)? / days(short)?))
            }
            Source::Score(source) => {
                Some(Derived::Score(place(&source.feature)?, source.bounds.clone(), source.reversed))
            }
            Source::Attribute(_) | Source::Holding(_) | Source::Aggregate(_) | Source::Kyc(_) | Source::Relation(_) => {
                None
            }
        }
    }
}

impl Group {
    fn of(feature: &pb::Feature, measure: u32) -> Option<Self> {
        let Some(Source::Aggregate(source)) = &feature.source else {
            return None;
        };
        Some(Self { types: types(source), window_days: source.window_days, measure })
    }
}

/// Whether a feature needs a measure of its own, and if so, whether it is the same as another's.
pub fn same_measure(one: &pb::Feature, other: &pb::Feature) -> bool {
    let measured = |feature: &pb::Feature| match &feature.source {
        Some(Source::Aggregate(source)) => Some((types(source), source.filter.clone(), source.distinct.clone())),
        _ => None,
    };
    needs_measure(one) && measured(one) == measured(other)
}

/// Whether a feature sums up something that the plain metrics do not tell.
pub fn needs_measure(feature: &pb::Feature) -> bool {
    match &feature.source {
        Some(Source::Aggregate(source)) => !source.filter.is_empty() || !source.distinct.is_empty(),
        _ => false,
    }
}

/// Whether a feature tells how a customer stands by the tenant's questions.
pub fn is_kyc(feature: &pb::Feature) -> bool {
    matches!(feature.source, Some(Source::Kyc(_)))
}

/// The names of the features that a feature follows from.
pub fn names_of(feature: &pb::Feature) -> Vec<&str> {
    match &feature.source {
        Some(Source::Ratio(source)) => vec![&source.numerator, &source.denominator],
        Some(Source::Trend(source)) => vec![&source.short, &source.long],
        Some(Source::Score(source)) => vec![&source.feature],
        _ => Vec::new(),
    }
}

/// The window of an aggregate.
fn window_days(feature: &pb::Feature) -> Option<u32> {
    match &feature.source {
        Some(Source::Aggregate(source)) => Some(source.window_days),
        _ => None,
    }
}

fn types(source: &pb::AggregateSource) -> Vec<String> {
    source.event_types.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_over_the_same_events_share_one_accumulator() {
        let catalogue = template::find("base").unwrap().catalogue();
        let aggregates = catalogue.group_of.iter().flatten().count();
        assert!(catalogue.features.len() >= 30);
        assert!(catalogue.groups.len() < aggregates);
    }
}
