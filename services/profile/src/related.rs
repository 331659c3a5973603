//! What features say of a customer's relations: which relations each of them sums up, and what those come to. It reads no
//! table; walking relations is `relation`'s.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use huan_proto::{
    profile::v1::{self as pb, RelationOp},
    types::v1::value::Kind,
};

use crate::{
    feature::Catalogue,
    relation::{Arm, arms_of},
};

/// What the features that sum up relations say of a customer, by their numbers.
pub type Sums = BTreeMap<u32, f64>;

/// A relation of a profile with a customer who is no part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// Its type, and which end the profile is.
    pub arm: Arm,
    /// The root of the profile at the other end.
    pub other: String,
    /// The first day on which it held; none = always.
    pub start_day: Option<i32>,
    /// The day from which it no longer holds; none = it holds.
    pub end_day: Option<i32>,
    /// How strong.
    pub weight: f64,
}

/// The relations that any feature sums up.
pub fn arms(catalogue: &Catalogue) -> BTreeSet<Arm> {
    catalogue.relations().flat_map(|(_, source)| arms_of_source(source)).collect()
}

/// Those of them that a feature sums up on the days on which they hold.
pub fn dated_arms(catalogue: &Catalogue) -> BTreeSet<Arm> {
    let dated = catalogue.relations().filter(|(_, source)| !source.include_all_days);
    dated.flat_map(|(_, source)| arms_of_source(source)).collect()
}

/// Sums up the relations of one profile for every feature that asks.
pub fn sums(catalogue: &Catalogue, related: &[Related], day: i32) -> Sums {
    let sum = |(number, source): (u32, &pb::RelationSource)| Some((number, sum(source, related, day)?));
    catalogue.relations().filter_map(sum).collect()
}

/// What the relations came to when a vector was written; none if it lacks a feature that asks.
pub fn carried(catalogue: &Catalogue, written: &pb::Vector) -> Option<Sums> {
    let value = |number: u32| {
        let place = written.features.binary_search(&number).ok()?;
        match written.values.get(place)?.kind {
            Some(Kind::Number(value)) => Some((number, value)),
            _ => None,
        }
    };
    catalogue.relations().map(|(number, _)| value(number)).collect()
}

/// None if it is too great for a number.
fn sum(source: &pb::RelationSource, related: &[Related], day: i32) -> Option<f64> {
    let arms = arms_of_source(source);
    let chosen = related.iter().filter(|one| {
        arms.contains(&one.arm) && one.weight >= source.min_weight && (source.include_all_days || holds(one, day))
    });
    match source.op() {
        RelationOp::Unspecified => None,
        RelationOp::Count => Some(chosen.map(|one| one.other.as_str()).collect::<HashSet<_>>().len() as f64),
        RelationOp::Weight => {
            let mut weights: Vec<f64> = chosen.map(|one| one.weight).collect();
            // In an order of their own: the sum does not depend on how they were read.
            weights.sort_unstable_by(f64::total_cmp);
            Some(weights.into_iter().fold(0.0, |sum, weight| sum + weight)).filter(|sum| sum.is_finite())
        }
    }
}

fn holds(one: &Related, day: i32) -> bool {
    one.start_day.is_none_or(|start| start <= day) && one.end_day.is_none_or(|end| end > day)
}

fn arms_of_source(source: &pb::RelationSource) -> Vec<Arm> {
    arms_of(source.direction(), &source.types().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use huan_proto::types::v1::Value;
    use pb::{RelationDirection as Direction, RelationType as Type};

    use super::*;
    use crate::feature::template::{Template, entries, numbered};

    const TEXT: &str = r#"
        description = ""
        [[feature]]
        name = "buyers"
        description = ""
        relation = { op = "count", types = ["supplies"], direction = "out" }
        [[feature]]
        name = "all"
        description = ""
        relation = { op = "count", include_all_days = true }
        [[feature]]
        name = "strong"
        description = ""
        relation = { op = "count", types = ["supplies", "guarantees"], min_weight = 2 }
        [[feature]]
        name = "volume"
        description = ""
        relation = { op = "weight", types = ["supplies"] }
    "#;

    fn catalogue() -> Catalogue {
        let features = Template::parse("t", TEXT, &[]).unwrap().features;
        Catalogue::of(1, entries(numbered(features))).unwrap()
    }

    fn related(direction: Direction, relation_type: Type, other: &str, weight: f64) -> Related {
        let arm = Arm { direction, relation_type };
        Related { arm, other: other.into(), start_day: None, end_day: None, weight }
    }

    fn values(related: &[Related], day: i32) -> Vec<f64> {
        sums(&catalogue(), related, day).into_values().collect()
    }

    #[test]
    fn different_customers_are_counted_and_weights_added() {
        assert_eq!(values(&[], 5), [0.0; 4]);
        let rows = [
            related(Direction::Out, Type::Supplies, "b", 0.5),
            related(Direction::Out, Type::Supplies, "c", 2.0),
            // The same customer the other way round, and from one who was merged into this profile.
            related(Direction::In, Type::Supplies, "b", 4.0),
            related(Direction::Out, Type::Supplies, "b", 0.25),
            related(Direction::In, Type::Guarantees, "d", 9.0),
        ];
        assert_eq!(values(&rows, 5), [2.0, 3.0, 3.0, 6.75]);
    }

    #[test]
    fn relations_count_from_their_first_day_to_the_one_before_their_last() {
        let dated =
            |start_day, end_day| Related { start_day, end_day, ..related(Direction::Out, Type::Supplies, "b", 1.0) };
        let rows = [dated(Some(3), Some(5))];
        let counted: Vec<(f64, f64)> = (2..=5).map(|day| values(&rows, day)).map(|of| (of[0], of[1])).collect();
        assert_eq!(counted, [(0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 1.0)]);
    }

    #[test]
    fn a_sum_does_not_depend_on_the_order_and_is_missing_if_too_great() {
        let weighed = |weights: &[f64]| {
            let rows: Vec<_> =
                weights.iter().map(|weight| related(Direction::Out, Type::Supplies, "b", *weight)).collect();
            sums(&catalogue(), &rows, 5).get(&4).copied()
        };
        assert_eq!(weighed(&[0.1, 0.2, 0.3, 1e9]), weighed(&[1e9, 0.3, 0.2, 0.1]));
        assert_eq!(weighed(&[f64::MAX, f64::MAX]), None);
    }

    #[test]
    fn what_was_written_is_carried_on_if_it_is_whole() {
        let catalogue = catalogue();
        let of = |features: &[u32]| pb::Vector {
            features: features.to_vec(),
            values: features
                .iter()
                .map(|n| Kind::Number(f64::from(*n)))
                .map(|kind| Value { kind: Some(kind) })
                .collect(),
            ..Default::default()
        };
        let carried = |features: &[u32]| carried(&catalogue, &of(features)).map(Vec::from_iter);
        assert_eq!(carried(&[1, 2, 3, 4, 9]), Some(vec![(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]));
        assert_eq!(carried(&[1, 2, 4]), None);
    }

    #[test]
    fn features_choose_which_relations_are_read() {
        let catalogue = catalogue();
        assert_eq!(arms(&catalogue).len(), 16);
        let dated = dated_arms(&catalogue);
        let types: BTreeSet<_> = dated.iter().map(|arm| arm.relation_type).collect();
        assert_eq!((dated.len(), types), (4, BTreeSet::from([Type::Supplies, Type::Guarantees])));
    }
}
