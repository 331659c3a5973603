//! A catalogue as it applies to one tenant, whose event types have numbers: what an event adds to its day, and which
//! groups that belongs to.

use std::collections::{BTreeSet, HashMap, HashSet};

use hmac::{Hmac, Mac};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};
use sha2::Sha256;

use super::{Catalogue, Measure, WINDOWS};
use crate::window::{Metric, Occurrence};

/// A catalogue for a tenant.
#[derive(Debug, Default)]
pub struct Plan {
    /// For each group of the catalogue: its window and the numbers of its types.
    pub groups: Vec<PlanGroup>,
    /// Tells accumulators of the first groups from those of others: that of none, of the first, and so on to all.
    pub fingerprints: Vec<u64>,
    /// So many days after a day with something in it, a vector may change though nothing happens.
    pub shifts: BTreeSet<u32>,
    measures: Vec<(Measure, Option<HashSet<u32>>)>,
    by_type: HashMap<u32, Vec<usize>>,
    of_all: Vec<usize>,
    by_measure: HashMap<u32, Vec<usize>>,
}

/// One group of a plan.
#[derive(Debug)]
pub struct PlanGroup {
    /// The window in days; 0 = ever.
    pub window_days: u32,
    /// The numbers of its types; none = all types.
    pub types: Option<HashSet<u32>>,
    /// The measure summed up; 0 = the plain metrics of the types.
    pub measure: u32,
}

impl Catalogue {
    /// The catalogue for a tenant whose event types have these numbers. A type that the tenant does not have has no
    /// events either.
    pub fn plan(&self, numbers: &HashMap<String, u32>) -> Plan {
        let of = |types: &[String]| {
            let known = || types.iter().filter_map(|name| numbers.get(name).copied()).collect::<HashSet<u32>>();
            (!types.is_empty()).then(known)
        };
        let mut plan = Plan { shifts: shifts(self), ..Plan::default() };
        for (index, group) in self.groups.iter().enumerate() {
            let types = of(&group.types);
            match (group.measure, &types) {
                (0, None) => plan.of_all.push(index),
                (0, Some(types)) => {
                    types.iter().for_each(|number| plan.by_type.entry(*number).or_default().push(index));
                }
                (measure, _) => plan.by_measure.entry(measure).or_default().push(index),
            }
            plan.groups.push(PlanGroup { window_days: group.window_days, types, measure: group.measure });
        }
        plan.measures = self.measures.iter().map(|measure| (measure.clone(), of(&measure.types))).collect();
        plan.fingerprints = fingerprints(&plan.groups);
        plan
    }
}

impl Plan {
    /// Tells accumulators of these groups from those of others.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprints.last().copied().unwrap_or_default()
    }

    /// The groups that a metric belongs to.
    pub fn groups_of(&self, metric: &Metric) -> impl Iterator<Item = usize> + '_ {
        let (own, all) = match metric.measure {
            0 => (self.by_type.get(&metric.event_type), self.of_all.as_slice()),
            measure => (self.by_measure.get(&measure), [].as_slice()),
        };
        own.into_iter().flatten().chain(all).copied()
    }

    /// What an event adds to its day. `key` keys the hashes of counted values, so that nobody who has the rows alone can
    /// try values out.
    pub fn occurrence(&self, event_type: u32, event: &pb::Event, key: &[u8]) -> Occurrence {
        self.occurrence_of(event_type, event, key, |_| true)
    }

    /// As [`Plan::occurrence`], of these measures alone.
    pub fn occurrence_of(
        &self,
        event_type: u32,
        event: &pb::Event,
        key: &[u8],
        wanted: impl Fn(u32) -> bool,
    ) -> Occurrence {
        let mut measured = Vec::new();
        for measure in self.measures_of(event_type).filter(|measure| wanted(measure.number)) {
            if measure.filter.as_ref().is_some_and(|filter| !filter.passes(event)) {
                continue;
            }
            if measure.distinct.is_empty() {
                measured.push((measure.number, None));
            } else if let Some(value) = event.attributes.get(&measure.distinct).and_then(|value| hash(value, key)) {
                measured.push((measure.number, Some(value)));
            }
        }
        Occurrence { event_type, amount: event.amount_minor, measured }
    }

    /// Whether what events of this type add depends on their attributes.
    pub fn reads_attributes(&self, event_type: u32) -> bool {
        self.measures_of(event_type).any(Measure::reads_attributes)
    }

    fn measures_of(&self, event_type: u32) -> impl Iterator<Item = &Measure> {
        let has = move |types: &Option<HashSet<u32>>| types.as_ref().is_none_or(|types| types.contains(&event_type));
        self.measures.iter().filter(move |(_, types)| has(types)).map(|(measure, _)| measure)
    }
}

impl PlanGroup {
    /// Whether a metric belongs to the group.
    pub fn has(&self, metric: &Metric) -> bool {
        let of_type = || self.types.as_ref().is_none_or(|types| types.contains(&metric.event_type));
        metric.measure == self.measure && (self.measure != 0 || of_type())
    }

    /// Whether a day lies in the group's window, seen from today.
    pub fn covers(&self, day: i32, today: i32) -> bool {
        day <= today && (self.window_days == 0 || day > today - self.window_days as i32)
    }
}

/// Today itself enters every window, and leaves one as long as it, that many days later.
fn shifts(catalogue: &Catalogue) -> BTreeSet<u32> {
    let mut shifts: BTreeSet<u32> = catalogue.groups.iter().map(|group| group.window_days).chain([0]).collect();
    if catalogue.has_recency_score() {
        shifts.extend(WINDOWS);
    }
    shifts
}

/// A 64-bit hash of a value; none if there is no value.
fn hash(value: &Value, key: &[u8]) -> Option<u64> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    match value.kind.as_ref()? {
        Kind::Number(number) => mac.update(&(number + 0.0).to_bits().to_be_bytes()),
        Kind::Text(text) => mac.update(&[b"t", text.as_bytes()].concat()),
        Kind::Day(day) => mac.update(&[b"d", day.as_bytes()].concat()),
        Kind::Flag(flag) => mac.update(&[b'f', u8::from(*flag)]),
    }
    let digest = mac.finalize().into_bytes();
    Some(digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte)))
}

fn fingerprints(groups: &[PlanGroup]) -> Vec<u64> {
    let text = |group: &PlanGroup| {
        let types: BTreeSet<u32> = group.types.iter().flatten().copied().collect();
        let all = if group.types.is_none() { "*" } else { "" };
        format!("{}:{}:{all}{types:?};", group.window_days, group.measure)
    };
    let mut fingerprints = vec![FNV_BASIS];
    for group in groups {
        let before = fingerprints[fingerprints.len() - 1];
        fingerprints.push(text(group).bytes().fold(before, fnv));
    }
    fingerprints
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): stable across builds, which the standard library's hasher is not.
fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_today_and_the_days_before() {
        let group = PlanGroup { window_days: 30, types: None, measure: 0 };
        assert!(group.covers(100, 100) && group.covers(71, 100));
        assert!(!group.covers(70, 100) && !group.covers(101, 100));
    }

    #[test]
    fn values_of_unlike_types_are_distinct() {
        let value = |kind| Value { kind: Some(kind) };
        let hashes: HashSet<_> = [Kind::Number(1.0), Kind::Text("1".into()), Kind::Flag(true), Kind::Text("d1".into())]
            .into_iter()
            .map(|kind| hash(&value(kind), b"key").unwrap())
            .collect();
        assert_eq!(hashes.len(), 4);
        assert_eq!(hash(&value(Kind::Number(-0.0)), b"key"), hash(&value(Kind::Number(0.0)), b"key"));
        assert_ne!(hash(&value(Kind::Number(1.0)), b"key"), hash(&value(Kind::Number(1.0)), b"other"));
        assert_eq!(hash(&Value { kind: None }, b"key"), None);
    }
}
