//! The feature catalogue: which features there are, checked on load, and which groups of events they sum up. It computes
//! nothing: accumulators are `window`'s, vectors are `vector`'s.

use std::collections::{BTreeSet, HashMap, HashSet};

use huan_proto::{profile::v1 as pb, types::v1::ValueType};
use prost::Message;
use serde::Deserialize;

/// The catalogue that ships with the service.
pub const CATALOGUE: &str = include_str!("../features.toml");

/// The windows, in business days, that an aggregate may have; 0 = ever.
pub const WINDOWS: [u32; 5] = [7, 30, 90, 365, 0];

/// A checked catalogue: numbers and names are unique, every source is whole, every window is one of [`WINDOWS`].
#[derive(Debug)]
pub struct Catalogue {
    /// The features in the order of their numbers.
    pub features: Vec<pb::Feature>,
    /// The distinct groups of events that its aggregates sum up, each accumulated once for all of them.
    pub groups: Vec<Group>,
    /// The group of each feature, by its place in `features`; none if it is no aggregate.
    pub group_of: Vec<Option<usize>>,
    /// Tells accumulators of these groups from those of others.
    pub fingerprint: u64,
    /// Tells vectors of this catalogue from those of another.
    pub version: i64,
}

/// The events of some types (none named = all) in a window of days (0 = ever).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// The types' names, ascending.
    pub types: Vec<String>,
    /// The window in days, today included; 0 = ever.
    pub window_days: u32,
}

/// A catalogue as it applies to one tenant, whose event types have numbers.
#[derive(Debug)]
pub struct Plan {
    /// For each group of the catalogue: its window and the numbers of its types.
    pub groups: Vec<PlanGroup>,
    /// The catalogue's fingerprint.
    pub fingerprint: u64,
    by_type: HashMap<u32, Vec<usize>>,
    of_all: Vec<usize>,
}

/// One group of a plan.
#[derive(Debug)]
pub struct PlanGroup {
    /// The window in days; 0 = ever.
    pub window_days: u32,
    /// The numbers of its types; none = all types.
    pub types: Option<HashSet<u32>>,
}

impl Catalogue {
    /// Reads and checks a catalogue; the error names every fault, one a line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut faults = Vec::new();
        let features: Vec<pb::Feature> = file.feature.into_iter().filter_map(|row| row.check(&mut faults)).collect();
        check_order(&features, &mut faults);
        if faults.is_empty() { Ok(Self::of(features)) } else { Err(faults.join("\n")) }
    }

    fn of(features: Vec<pb::Feature>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let group_of = features
            .iter()
            .map(|feature| {
                let group = Group::of(feature)?;
                Some(groups.iter().position(|known| *known == group).unwrap_or_else(|| {
                    groups.push(group);
                    groups.len() - 1
                }))
            })
            .collect();
        let named = groups.iter().map(|group| format!("{}:{};", group.window_days, group.types.join(",")));
        let fingerprint = fnv(named.flat_map(String::into_bytes));
        let version = fnv(features.iter().flat_map(Message::encode_to_vec)).cast_signed();
        Self { features, groups, group_of, fingerprint, version }
    }

    /// The catalogue for a tenant whose event types have these numbers. A type that the tenant does not have has no
    /// events either.
    pub fn plan(&self, numbers: &HashMap<String, u32>) -> Plan {
        let mut plan =
            Plan { groups: Vec::new(), fingerprint: self.fingerprint, by_type: HashMap::new(), of_all: Vec::new() };
        for (index, group) in self.groups.iter().enumerate() {
            let types: HashSet<u32> = group.types.iter().filter_map(|name| numbers.get(name).copied()).collect();
            for number in &types {
                plan.by_type.entry(*number).or_default().push(index);
            }
            let all = group.types.is_empty();
            if all {
                plan.of_all.push(index);
            }
            plan.groups.push(PlanGroup { window_days: group.window_days, types: (!all).then_some(types) });
        }
        plan
    }
}

impl Plan {
    /// The groups that an event of this type belongs to.
    pub fn groups_of(&self, event_type: u32) -> impl Iterator<Item = usize> + '_ {
        self.by_type.get(&event_type).into_iter().flatten().chain(&self.of_all).copied()
    }
}

impl PlanGroup {
    /// Whether an event of this type belongs to the group.
    pub fn has(&self, event_type: u32) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&event_type))
    }

    /// Whether a day lies in the group's window, seen from today.
    pub fn covers(&self, day: i32, today: i32) -> bool {
        day <= today && (self.window_days == 0 || day > today - self.window_days as i32)
    }
}

impl Group {
    fn of(feature: &pb::Feature) -> Option<Self> {
        let Some(pb::feature::Source::Aggregate(source)) = &feature.source else {
            return None;
        };
        let types: BTreeSet<String> = source.event_types.iter().cloned().collect();
        Some(Self { types: types.into_iter().collect(), window_days: source.window_days })
    }
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): stable across builds, which the standard library's hasher is not.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn check_order(features: &[pb::Feature], faults: &mut Vec<String>) {
    let mut names = HashSet::new();
    for pair in features.windows(2) {
        if pair[0].number >= pair[1].number {
            faults.push(format!("{}: number {} does not ascend", pair[1].name, pair[1].number));
        }
    }
    for feature in features {
        if !names.insert(&feature.name) {
            faults.push(format!("{}: the name is taken", feature.name));
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    feature: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    number: u32,
    name: String,
    r#type: String,
    description: String,
    attribute: Option<String>,
    holding: Option<HoldingRow>,
    aggregate: Option<AggregateRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldingRow {
    op: String,
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AggregateRow {
    op: String,
    window_days: u32,
    #[serde(default)]
    types: Vec<String>,
}

impl Row {
    fn check(self, faults: &mut Vec<String>) -> Option<pb::Feature> {
        let before = faults.len();
        let name = self.name.clone();
        let mut fault = |what: &str| faults.push(format!("{name}: {what}"));
        if self.number == 0 {
            fault("number must be at least 1");
        }
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(word) {
            fault("name must be 1 to 64 of [a-z0-9_]");
        }
        let value_type = value_type(&self.r#type);
        if value_type == ValueType::Unspecified {
            fault("type must be number, text, day or flag");
        }
        let source = self.source(value_type, &mut fault);
        let (number, name, description) = (self.number, self.name, self.description);
        (faults.len() == before).then_some(pb::Feature { number, name, r#type: value_type.into(), description, source })
    }

    fn source(&self, given: ValueType, fault: &mut impl FnMut(&str)) -> Option<pb::feature::Source> {
        let (source, of_source) = match (&self.attribute, &self.holding, &self.aggregate) {
            (Some(attribute), None, None) => {
                (pb::feature::Source::Attribute(pb::AttributeSource { attribute: attribute.clone() }), given)
            }
            (None, Some(row), None) => row.source(fault)?,
            (None, None, Some(row)) => row.source(fault)?,
            _ => {
                fault("needs one of attribute, holding, aggregate");
                return None;
            }
        };
        if of_source != given {
            fault("type does not fit its op");
        }
        Some(source)
    }
}

impl HoldingRow {
    fn source(&self, fault: &mut impl FnMut(&str)) -> Option<(pb::feature::Source, ValueType)> {
        let (op, value_type) = match self.op.as_str() {
            "count" => (pb::HoldingOp::Count, ValueType::Number),
            "balance" => (pb::HoldingOp::Balance, ValueType::Number),
            "has" => (pb::HoldingOp::Has, ValueType::Flag),
            "kinds" => (pb::HoldingOp::Kinds, ValueType::Number),
            _ => {
                fault("holding op must be count, balance, has or kinds");
                return None;
            }
        };
        let source = pb::HoldingSource { kind: self.kind.clone(), op: op.into() };
        Some((pb::feature::Source::Holding(source), value_type))
    }
}

impl AggregateRow {
    fn source(&self, fault: &mut impl FnMut(&str)) -> Option<(pb::feature::Source, ValueType)> {
        if !WINDOWS.contains(&self.window_days) {
            fault("window_days must be 7, 30, 90, 365 or 0");
        }
        let (op, value_type) = match self.op.as_str() {
            "count" => (pb::AggregateOp::Count, ValueType::Number),
            "sum" => (pb::AggregateOp::Sum, ValueType::Number),
            "mean" => (pb::AggregateOp::Mean, ValueType::Number),
            "min" => (pb::AggregateOp::Min, ValueType::Number),
            "max" => (pb::AggregateOp::Max, ValueType::Number),
            "last_day" => (pb::AggregateOp::LastDay, ValueType::Day),
            "days" => (pb::AggregateOp::Days, ValueType::Number),
            _ => {
                fault("aggregate op must be count, sum, mean, min, max, last_day or days");
                return None;
            }
        };
        let source =
            pb::AggregateSource { event_types: self.types.clone(), op: op.into(), window_days: self.window_days };
        Some((pb::feature::Source::Aggregate(source), value_type))
    }
}

fn value_type(word: &str) -> ValueType {
    match word {
        "number" => ValueType::Number,
        "text" => ValueType::Text,
        "day" => ValueType::Day,
        "flag" => ValueType::Flag,
        _ => ValueType::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_is_whole_and_shares_groups() {
        let catalogue = Catalogue::parse(CATALOGUE).unwrap();
        let aggregates = catalogue.group_of.iter().flatten().count();
        assert!(catalogue.features.len() >= 30);
        assert!(catalogue.groups.len() < aggregates, "features over the same events share one accumulator");
    }

    #[test]
    fn every_fault_is_named() {
        let text = r#"
            [[feature]]
            number = 2
            name = "A"
            type = "number"
            description = ""
            attribute = "a"
            [[feature]]
            number = 2
            name = "b"
            type = "flag"
            description = ""
            aggregate = { op = "count", window_days = 8 }
        "#;
        let faults = Catalogue::parse(text).unwrap_err();
        assert!(faults.contains("A: name must be"));
        assert!(faults.contains("b: window_days must be"));
        assert!(faults.contains("b: type does not fit its op"));
    }

    #[test]
    fn a_window_is_today_and_the_days_before() {
        let group = PlanGroup { window_days: 30, types: None };
        assert!(group.covers(100, 100) && group.covers(71, 100));
        assert!(!group.covers(70, 100) && !group.covers(101, 100));
    }
}
