//! Checking the definition of a feature, with all that is wrong with it named at once.

use huan_chassis::check::Faults;
use huan_proto::{
    profile::v1::{self as pb, AggregateOp, HoldingOp, KycOp, RelationOp, RelationType, feature::Source},
    types::v1::ValueType,
};

use super::{WINDOWS, window_days};
use crate::filter::Filter;

/// The most types that an aggregate names.
const MAX_TYPES: usize = 100;
/// The most bounds of a score.
const MAX_BOUNDS: usize = 20;

/// Reads a definition; `known` are the features before it, which it may follow from.
pub fn definition(faults: &mut Faults, at: &str, feature: pb::Feature, known: &[pb::Feature]) -> pb::Feature {
    let field = |name: &str| format!("{at}.{name}");
    let given: ValueType = faults.optional_enumeration(&field("type"), feature.r#type);
    let source = faults.required(&field("source"), feature.source);
    let follows = match &source {
        None => None,
        Some(Source::Attribute(source)) => {
            faults.name(&field("attribute.attribute"), &source.attribute, 64);
            Some(faults.enumeration(&field("type"), feature.r#type))
        }
        Some(Source::Holding(source)) => Some(holding(faults, &field("holding"), source)),
        Some(Source::Aggregate(source)) => Some(aggregate(faults, &field("aggregate"), source)),
        Some(Source::Ratio(source)) => {
            number(faults, &field("ratio.numerator"), &source.numerator, known);
            number(faults, &field("ratio.denominator"), &source.denominator, known);
            Some(ValueType::Number)
        }
        Some(Source::Trend(source)) => {
            trend(faults, &field("trend"), source, known);
            Some(ValueType::Number)
        }
        Some(Source::Score(source)) => {
            score(faults, &field("score"), source, known);
            Some(ValueType::Number)
        }
        Some(Source::Kyc(source)) => Some(match faults.enumeration(&field("kyc.op"), source.op) {
            KycOp::Unspecified => ValueType::Unspecified,
            KycOp::Completeness => ValueType::Number,
        }),
        Some(Source::Relation(source)) => Some(relation(faults, &field("relation"), source)),
    };
    let follows = follows.unwrap_or_default();
    if given != ValueType::Unspecified && follows != ValueType::Unspecified && given != follows {
        faults.add(field("type"), "does not fit the source");
    }
    pb::Feature {
        name: faults.name(&field("name"), &feature.name, 64),
        r#type: follows.into(),
        description: faults.optional_text(&field("description"), &feature.description, 400),
        source,
        ..Default::default()
    }
}

fn holding(faults: &mut Faults, at: &str, source: &pb::HoldingSource) -> ValueType {
    if !source.kind.is_empty() {
        faults.name(&format!("{at}.kind"), &source.kind, 64);
    }
    match faults.enumeration(&format!("{at}.op"), source.op) {
        HoldingOp::Unspecified => ValueType::Unspecified,
        HoldingOp::Has => ValueType::Flag,
        HoldingOp::Count | HoldingOp::Balance | HoldingOp::Kinds => ValueType::Number,
    }
}

fn aggregate(faults: &mut Faults, at: &str, source: &pb::AggregateSource) -> ValueType {
    let field = |name: &str| format!("{at}.{name}");
    if source.event_types.len() > MAX_TYPES {
        faults.add(field("event_types"), format!("has more than {MAX_TYPES} entries"));
    }
    for (index, name) in source.event_types.iter().enumerate() {
        faults.name(&field(&format!("event_types[{index}]")), name, 64);
    }
    if !WINDOWS.contains(&source.window_days) {
        faults.add(field("window_days"), "is none of 7, 30, 90, 365 and 0");
    }
    if !source.filter.is_empty()
        && let Err(wrong) = Filter::new(&source.filter)
    {
        wrong.into_iter().for_each(|description| faults.add(field("filter"), description));
    }
    let op: AggregateOp = faults.enumeration(&field("op"), source.op);
    match (op, source.distinct.is_empty()) {
        (AggregateOp::Distinct, true) => faults.add(field("distinct"), "is required"),
        (AggregateOp::Distinct, false) => drop(faults.name(&field("distinct"), &source.distinct, 64)),
        (_, false) => faults.add(field("distinct"), "is for the op that counts distinct values"),
        (_, true) => {}
    }
    if op == AggregateOp::RecencyScore && source.window_days != 0 {
        faults.add(field("window_days"), "is not 0, as a recency score needs");
    }
    match op {
        AggregateOp::Unspecified => ValueType::Unspecified,
        AggregateOp::LastDay | AggregateOp::FirstDay => ValueType::Day,
        _ => ValueType::Number,
    }
}

fn relation(faults: &mut Faults, at: &str, source: &pb::RelationSource) -> ValueType {
    let field = |name: &str| format!("{at}.{name}");
    let op: RelationOp = faults.enumeration(&field("op"), source.op);
    for (index, number) in source.types.iter().enumerate() {
        let field = field(&format!("types[{index}]"));
        faults.enumeration::<RelationType>(&field, *number);
        if source.types[..index].contains(number) {
            faults.add(field, "is given twice");
            // Of very many one says enough.
            break;
        }
    }
    if op == RelationOp::Weight && source.types.len() != 1 {
        faults.add(field("types"), "is not one type, as a sum of weights needs");
    }
    faults.optional_enumeration::<pb::RelationDirection>(&field("direction"), source.direction);
    if !source.min_weight.is_finite() || source.min_weight < 0.0 {
        faults.add(field("min_weight"), "is not a number of at least 0");
    }
    match op {
        RelationOp::Unspecified => ValueType::Unspecified,
        RelationOp::Count | RelationOp::Weight => ValueType::Number,
    }
}

fn trend(faults: &mut Faults, at: &str, source: &pb::TrendSource, known: &[pb::Feature]) {
    let days = [("short", &source.short), ("long", &source.long)].map(|(name, of)| {
        let field = format!("{at}.{name}");
        let feature = number(faults, &field, of, known)?;
        let rated = match &feature.source {
            Some(Source::Aggregate(source)) => {
                matches!(source.op(), AggregateOp::Count | AggregateOp::Sum | AggregateOp::Days)
            }
            _ => false,
        };
        let days = window_days(feature).filter(|days| rated && *days > 0);
        if days.is_none() {
            faults.add(field, "is no count, sum or days over a window that ends");
        }
        days
    });
    if let [Some(short), Some(long)] = days
        && short >= long
    {
        faults.add(format!("{at}.long"), "has no longer window than the other");
    }
}

fn score(faults: &mut Faults, at: &str, source: &pb::ScoreSource, known: &[pb::Feature]) {
    number(faults, &format!("{at}.feature"), &source.feature, known);
    let field = format!("{at}.bounds");
    if !(1..=MAX_BOUNDS).contains(&source.bounds.len()) {
        faults.add(&field, format!("needs 1 to {MAX_BOUNDS} entries"));
    }
    let finite = source.bounds.iter().all(|bound| bound.is_finite());
    if !finite || source.bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
        faults.add(&field, "are not finite and ascending");
    }
}

/// The number that a feature follows from.
fn number<'a>(faults: &mut Faults, field: &str, name: &str, known: &'a [pb::Feature]) -> Option<&'a pb::Feature> {
    let found = known.iter().find(|feature| feature.name == name);
    match found {
        None => faults.add(field, "names no feature before this one"),
        Some(feature) if feature.r#type() != ValueType::Number => {
            faults.add(field, "names a feature that is no number")
        }
        Some(_) => return found,
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(feature: pb::Feature, known: &[pb::Feature]) -> Vec<String> {
        let mut faults = Faults::new();
        definition(&mut faults, "f", feature, known);
        faults.into_vec().into_iter().map(|fault| format!("{} {}", fault.field, fault.description)).collect()
    }

    fn named(name: &str, source: Source) -> pb::Feature {
        pb::Feature { name: name.into(), source: Some(source), ..Default::default() }
    }

    fn sum(name: &str, window_days: u32) -> pb::Feature {
        let op = AggregateOp::Sum.into();
        let source = Source::Aggregate(pb::AggregateSource { op, window_days, ..Default::default() });
        pb::Feature { r#type: ValueType::Number.into(), ..named(name, source) }
    }

    #[test]
    fn all_faults_of_an_aggregate_are_named() {
        let source = pb::AggregateSource {
            event_types: vec!["A".into()],
            op: AggregateOp::Count.into(),
            window_days: 8,
            filter: "type == 5 && type > 'a'".into(),
            distinct: "bank".into(),
        };
        let feature = pb::Feature { r#type: ValueType::Day.into(), ..named("F", Source::Aggregate(source)) };
        let faults = faults_of(feature, &[]);
        for field in ["event_types[0]", "window_days", "filter", "distinct"] {
            assert!(faults.iter().any(|fault| fault.starts_with(&format!("f.aggregate.{field} "))), "{faults:?}");
        }
        assert!(faults.iter().any(|fault| fault.starts_with("f.name ")), "{faults:?}");
        assert!(faults.contains(&"f.type does not fit the source".to_owned()), "{faults:?}");
    }

    #[test]
    fn a_feature_of_the_questions_is_a_number() {
        let source = |op: i32| Source::Kyc(pb::KycSource { op });
        let text = pb::Feature { r#type: ValueType::Text.into(), ..named("k", source(1)) };
        assert_eq!(faults_of(named("k", source(1)), &[]), [""; 0]);
        assert_eq!(faults_of(text, &[]), ["f.type does not fit the source"]);
        assert!(faults_of(named("k", source(0)), &[])[0].starts_with("f.kyc.op "));
    }

    #[test]
    fn all_faults_of_a_summary_of_relations_are_named() {
        let count = pb::RelationSource { op: RelationOp::Count.into(), ..Default::default() };
        let weight = pb::RelationSource { op: RelationOp::Weight.into(), types: vec![1], ..Default::default() };
        let faults = |source: pb::RelationSource| faults_of(named("r", Source::Relation(source)), &[]);
        assert_eq!(faults(count.clone()), [""; 0]);
        assert_eq!(faults(pb::RelationSource { types: vec![1, 4], direction: 2, ..count.clone() }), [""; 0]);
        assert_eq!(faults(weight.clone()), [""; 0]);
        let needs_one = ["f.relation.types is not one type, as a sum of weights needs"];
        assert_eq!(faults(pb::RelationSource { types: vec![], ..weight.clone() }), needs_one);
        assert_eq!(faults(pb::RelationSource { types: vec![1, 2], ..weight }), needs_one);
        let bad =
            pb::RelationSource { op: 0, types: vec![0, 99, 1, 1], direction: 9, min_weight: -0.5, ..count.clone() };
        let expected = [
            "f.relation.op is required",
            "f.relation.types[0] is required",
            "f.relation.types[1] is not one of the known values",
            "f.relation.types[3] is given twice",
            "f.relation.direction is not one of the known values",
            "f.relation.min_weight is not a number of at least 0",
        ];
        assert_eq!(faults(bad), expected);
        assert_eq!(faults(pb::RelationSource { min_weight: f64::NAN, ..count.clone() }).len(), 1);
        let flag = pb::Feature { r#type: ValueType::Flag.into(), ..named("r", Source::Relation(count)) };
        assert_eq!(faults_of(flag, &[]), ["f.type does not fit the source"]);
    }

    #[test]
    fn what_follows_from_others_follows_from_numbers_before_it() {
        let text = pb::Feature { name: "city".into(), r#type: ValueType::Text.into(), ..Default::default() };
        let known = [sum("a_30d", 30), sum("a_90d", 90), sum("a_ever", 0), text];
        let ratio = |numerator: &str, denominator: &str| {
            let source = pb::RatioSource { numerator: numerator.into(), denominator: denominator.into() };
            faults_of(named("r", Source::Ratio(source)), &known)
        };
        let trend = |short: &str, long: &str| {
            let source = pb::TrendSource { short: short.into(), long: long.into() };
            faults_of(named("t", Source::Trend(source)), &known)
        };
        let score = |bounds: &[f64]| {
            let source = pb::ScoreSource { feature: "a_30d".into(), bounds: bounds.to_vec(), reversed: false };
            faults_of(named("s", Source::Score(source)), &known)
        };
        assert_eq!(ratio("a_30d", "a_ever"), [""; 0]);
        assert_eq!(ratio("city", "b").len(), 2);
        assert_eq!(trend("a_30d", "a_90d"), [""; 0]);
        assert_eq!(trend("a_90d", "a_30d"), ["f.trend.long has no longer window than the other"]);
        assert_eq!(trend("a_30d", "a_ever"), ["f.trend.long is no count, sum or days over a window that ends"]);
        assert_eq!(score(&[1.0, 2.0]), [""; 0]);
        assert_eq!((score(&[]).len(), score(&[2.0, 2.0]).len(), score(&[f64::NAN]).len()), (1, 1, 1));
    }
}
