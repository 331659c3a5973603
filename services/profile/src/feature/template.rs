//! Templates of features that ship with the service, as commented files. They are checked when they are first asked for,
//! and a test holds them whole.

use std::sync::LazyLock;

use huan_chassis::check::Faults;
use huan_proto::{
    profile::v1::{self as pb, feature::Source},
    types::v1::ValueType,
};
use serde::Deserialize;

use super::{Catalogue, Entry, check, needs_measure, same_measure};

/// The template with which every tenant begins, and on which the others build.
pub const BASE: &str = "base";

const FILES: [(&str, &str); 3] = [
    (BASE, include_str!("../../templates/base.toml")),
    ("retail", include_str!("../../templates/retail.toml")),
    ("corporate", include_str!("../../templates/corporate.toml")),
];

static SHIPPED: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let mut shipped: Vec<Template> = Vec::new();
    for (name, text) in FILES {
        let base = shipped.first().map(|base| base.features.as_slice()).unwrap_or_default();
        shipped.push(Template::parse(name, text, base).expect("a shipped template is whole"));
    }
    shipped
});

/// Features that are put into a catalogue together.
#[derive(Debug)]
pub struct Template {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: String,
    /// Its features, without numbers.
    pub features: Vec<pb::Feature>,
}

/// All templates.
pub fn shipped() -> &'static [Template] {
    &SHIPPED
}

/// The template of this name.
pub fn find(name: &str) -> Option<&'static Template> {
    SHIPPED.iter().find(|template| template.name == name)
}

/// The features with which every tenant begins, numbered from 1.
pub fn base() -> Vec<pb::Feature> {
    find(BASE).map(|template| numbered(template.features.clone())).unwrap_or_default()
}

/// Features numbered from 1.
pub fn numbered(features: Vec<pb::Feature>) -> Vec<pb::Feature> {
    features.into_iter().zip(1..).map(|(feature, number)| pb::Feature { number, ..feature }).collect()
}

/// Numbered features, each with its measure: that of the first that needs the same.
pub fn entries(features: Vec<pb::Feature>) -> Vec<Entry> {
    let measure = |feature: &pb::Feature| match needs_measure(feature) {
        true => features.iter().find(|other| same_measure(feature, other)).map_or(feature.number, |other| other.number),
        false => 0,
    };
    let entry = |feature: &pb::Feature| Entry { feature: feature.clone(), in_vectors: true, measure: measure(feature) };
    features.iter().map(entry).collect()
}

impl Template {
    /// The catalogue of a tenant that has the base features and then these.
    pub fn catalogue(&self) -> Catalogue {
        let own = if self.name == BASE { &[] } else { self.features.as_slice() };
        let features = base().into_iter().chain(own.iter().cloned()).collect();
        Catalogue::of(1, entries(numbered(features))).expect("a shipped template is whole")
    }

    /// Reads and checks a template that stands on other features; the error names every fault, one a line.
    pub fn parse(name: &'static str, text: &str, base: &[pb::Feature]) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut known = base.to_vec();
        let mut faults = Faults::new();
        for row in file.feature {
            let feature = row.feature(&mut faults);
            let at = feature.name.clone();
            let feature = check::definition(&mut faults, &at, feature, &known);
            if known.iter().any(|known| known.name == feature.name) {
                faults.add(format!("{at}.name"), "is taken");
            }
            known.push(feature);
        }
        let faults = faults.into_vec();
        if faults.is_empty() {
            return Ok(Self { name, description: file.description, features: known.split_off(base.len()) });
        }
        let line = |fault: &huan_chassis::FieldFault| format!("{} {}", fault.field, fault.description);
        Err(faults.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    feature: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    r#type: String,
    description: String,
    attribute: Option<String>,
    holding: Option<HoldingRow>,
    aggregate: Option<AggregateRow>,
    ratio: Option<RatioRow>,
    trend: Option<TrendRow>,
    score: Option<ScoreRow>,
    kyc: Option<KycRow>,
    relation: Option<RelationRow>,
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
struct KycRow {
    op: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationRow {
    op: String,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    min_weight: f64,
    #[serde(default)]
    include_all_days: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AggregateRow {
    op: String,
    window_days: u32,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    distinct: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatioRow {
    numerator: String,
    denominator: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrendRow {
    short: String,
    long: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreRow {
    feature: String,
    bounds: Vec<f64>,
    #[serde(default)]
    reversed: bool,
}

impl Row {
    /// The feature that the row describes; words that the contract does not know come out as unspecified.
    fn feature(self, faults: &mut Faults) -> pb::Feature {
        let mut sources: Vec<Source> = Vec::new();
        sources.extend(self.attribute.map(|attribute| Source::Attribute(pb::AttributeSource { attribute })));
        sources.extend(self.holding.map(|row| {
            let op = pb::HoldingOp::from_str_name(&enum_name("HOLDING_OP", &row.op)).unwrap_or_default();
            Source::Holding(pb::HoldingSource { kind: row.kind, op: op.into() })
        }));
        sources.extend(self.aggregate.map(|row| {
            let op = pb::AggregateOp::from_str_name(&enum_name("AGGREGATE_OP", &row.op)).unwrap_or_default();
            let (window_days, filter, distinct) = (row.window_days, row.filter, row.distinct);
            let op = op.into();
            Source::Aggregate(pb::AggregateSource { event_types: row.types, op, window_days, filter, distinct })
        }));
        let ratio = |row: RatioRow| pb::RatioSource { numerator: row.numerator, denominator: row.denominator };
        sources.extend(self.ratio.map(ratio).map(Source::Ratio));
        sources.extend(self.trend.map(|row| Source::Trend(pb::TrendSource { short: row.short, long: row.long })));
        sources.extend(self.score.map(|row| {
            let (feature, bounds, reversed) = (row.feature, row.bounds, row.reversed);
            Source::Score(pb::ScoreSource { feature, bounds, reversed })
        }));
        sources.extend(self.kyc.map(|row| {
            let op = pb::KycOp::from_str_name(&enum_name("KYC_OP", &row.op)).unwrap_or_default();
            Source::Kyc(pb::KycSource { op: op.into() })
        }));
        sources.extend(self.relation.map(|row| Source::Relation(row.source())));
        if sources.len() > 1 {
            faults.add(format!("{}.source", self.name), "is given twice");
        }
        let value_type = ValueType::from_str_name(&enum_name("VALUE_TYPE", &self.r#type)).unwrap_or_default();
        let source = sources.into_iter().next();
        let (name, description) = (self.name, self.description);
        pb::Feature { name, r#type: value_type.into(), description, source, ..Default::default() }
    }
}

impl RelationRow {
    fn source(self) -> pb::RelationSource {
        let op = pb::RelationOp::from_str_name(&enum_name("RELATION_OP", &self.op)).unwrap_or_default();
        let named = |word: &String| pb::RelationType::from_str_name(&enum_name("RELATION_TYPE", word));
        let direction = match self.direction.as_str() {
            "" => Some(pb::RelationDirection::Unspecified),
            word => pb::RelationDirection::from_str_name(&enum_name("RELATION_DIRECTION", word)),
        };
        pb::RelationSource {
            op: op.into(),
            types: self.types.iter().map(|word| named(word).unwrap_or_default().into()).collect(),
            // A word that the contract does not know is no direction of it, and is refused as one.
            direction: direction.map_or(-1, i32::from),
            min_weight: self.min_weight,
            include_all_days: self.include_all_days,
        }
    }
}

fn enum_name(of: &str, word: &str) -> String {
    format!("{of}_{}", word.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_templates_are_whole() {
        let base = Template::parse(FILES[0].0, FILES[0].1, &[]).unwrap();
        for (name, text) in &FILES[1..] {
            Template::parse(name, text, &base.features).unwrap();
            assert!(!find(name).unwrap().catalogue().features.is_empty());
        }
    }

    #[test]
    fn every_fault_is_named() {
        let text = r#"
            description = ""
            [[feature]]
            name = "A"
            type = "number"
            description = ""
            attribute = "a"
            [[feature]]
            name = "b"
            type = "flag"
            description = ""
            aggregate = { op = "count", window_days = 8 }
            [[feature]]
            name = "b"
            description = ""
            holding = { op = "weigh" }
        "#;
        let faults = Template::parse("t", text, &[]).unwrap_err();
        for fault in ["A.name holds", "b.aggregate.window_days is none", "b.type does not fit", "b.name is taken"] {
            assert!(faults.contains(fault), "{faults}");
        }
        assert!(faults.contains("b.holding.op is required"), "{faults}");
    }
}
