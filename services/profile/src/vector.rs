//! A customer's vector: a pure function of attributes, open holdings, accumulators, relations and tags at one moment. It
//! leaves out what is missing, so that an absent number never reads as zero.

use std::collections::HashSet;

use huan_chassis::clock::{self, Day};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, ValueType, value::Kind},
};

use crate::{
    company,
    feature::{Catalogue, Derived},
    related::Sums,
    window::{Accumulator, State},
};

/// A holding that is open on the business day.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenHolding {
    /// What it is.
    pub kind: String,
    /// Its balance in minor units.
    pub balance_minor: i64,
}

/// All that a vector is computed from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The customer, its person and attributes included.
    pub customer: &'a pb::Customer,
    /// The holdings open on the state's day.
    pub holdings: &'a [OpenHolding],
    /// The accumulators for the business day.
    pub state: &'a State,
    /// The names of the tags that hold, ascending.
    pub tags: Vec<String>,
    /// How complete what is known by the tenant's questions is; none if they are not about such a customer, or no feature
    /// asks.
    pub kyc_completeness: Option<f64>,
    /// What the features that sum up relations say.
    pub related: &'a Sums,
    /// Business time.
    pub now: chrono::DateTime<chrono::Utc>,
}

/// Computes the vector.
pub fn vector(catalogue: &Catalogue, inputs: Inputs<'_>) -> pb::Vector {
    let mut vector = pb::Vector { as_of_time: Some(clock::timestamp(inputs.now)), ..Default::default() };
    let mut numbers: Vec<Option<f64>> = Vec::with_capacity(catalogue.features.len());
    for (place, feature) in catalogue.features.iter().enumerate() {
        let kind = match &catalogue.derived[place] {
            Some(derived) => derive(derived, &numbers).map(Kind::Number),
            None => value(feature, &inputs, catalogue.group_of[place]),
        };
        numbers.push(match kind {
            Some(Kind::Number(number)) => Some(number),
            _ => None,
        });
        if let Some(kind) = kind {
            vector.features.push(feature.number);
            vector.values.push(Value { kind: Some(kind) });
        }
    }
    vector.tags = inputs.tags;
    vector
}

/// Whether two vectors say the same, whatever moment they say it of.
pub fn same(one: &pb::Vector, other: &pb::Vector) -> bool {
    one.features == other.features && one.values == other.values && one.tags == other.tags
}

fn value(feature: &pb::Feature, inputs: &Inputs<'_>, group: Option<usize>) -> Option<Kind> {
    match feature.source.as_ref()? {
        pb::feature::Source::Attribute(source) => attribute(&source.attribute, feature.r#type(), inputs.customer),
        pb::feature::Source::Holding(source) => holding(source, inputs.holdings),
        pb::feature::Source::Aggregate(source) => {
            aggregate(source.op(), &inputs.state.groups[group?], inputs.state.today)
        }
        pb::feature::Source::Kyc(source) => match source.op() {
            pb::KycOp::Unspecified => None,
            pb::KycOp::Completeness => inputs.kyc_completeness.map(Kind::Number),
        },
        pb::feature::Source::Relation(_) => inputs.related.get(&feature.number).copied().map(Kind::Number),
        pb::feature::Source::Ratio(_) | pb::feature::Source::Trend(_) | pb::feature::Source::Score(_) => None,
    }
}

fn attribute(name: &str, value_type: ValueType, customer: &pb::Customer) -> Option<Kind> {
    match (attribute_of(name, customer)?, value_type) {
        (Kind::Number(number), ValueType::Number) if number.is_finite() => Some(Kind::Number(number + 0.0)),
        (Kind::Text(text), ValueType::Text) => Some(Kind::Text(text)),
        (Kind::Day(day), ValueType::Day) => Some(Kind::Day(day)),
        (Kind::Flag(flag), ValueType::Flag) => Some(Kind::Flag(flag)),
        _ => None,
    }
}

/// An attribute of a customer, of whatever type: a field, a key of attributes, or what a company says of itself.
pub fn attribute_of(name: &str, customer: &pb::Customer) -> Option<Kind> {
    match name {
        "type" => customer_type(customer.r#type()).map(|text| Kind::Text(text.to_owned())),
        "risk_level" => (customer.risk_level > 0).then_some(Kind::Number(f64::from(customer.risk_level))),
        "open_day" => day(&customer.open_day),
        "birth_day" => day(&customer.person.as_ref()?.birth_day),
        _ => customer
            .attributes
            .get(name)
            .and_then(|value| value.kind.clone())
            .or_else(|| company::attribute(name, customer)),
    }
}

/// What a sort of customer is called.
pub fn customer_type(customer_type: pb::CustomerType) -> Option<&'static str> {
    match customer_type {
        pb::CustomerType::Unspecified => None,
        pb::CustomerType::Retail => Some("retail"),
        pb::CustomerType::Corporate => Some("corporate"),
        pb::CustomerType::Prospect => Some("prospect"),
    }
}

fn day(text: &str) -> Option<Kind> {
    (!text.is_empty()).then(|| Kind::Day(text.to_owned()))
}

fn holding(source: &pb::HoldingSource, holdings: &[OpenHolding]) -> Option<Kind> {
    let mut chosen = holdings.iter().filter(|holding| source.kind.is_empty() || holding.kind == source.kind);
    match source.op() {
        pb::HoldingOp::Unspecified => None,
        pb::HoldingOp::Has => Some(Kind::Flag(chosen.next().is_some())),
        pb::HoldingOp::Count => Some(Kind::Number(chosen.count() as f64)),
        pb::HoldingOp::Balance => {
            Some(Kind::Number(chosen.map(|holding| i128::from(holding.balance_minor)).sum::<i128>() as f64))
        }
        pb::HoldingOp::Kinds => {
            let kinds: HashSet<&str> = chosen.map(|holding| holding.kind.as_str()).collect();
            Some(Kind::Number(kinds.len() as f64))
        }
    }
}

/// A number that follows from those before it; none if one of them is missing, or it is not finite.
fn derive(derived: &Derived, numbers: &[Option<f64>]) -> Option<f64> {
    let number = match derived {
        Derived::Ratio(numerator, denominator) => over(numbers[*numerator]?, numbers[*denominator]?)?,
        Derived::Trend(short, long, scale) => over(numbers[*short]? * scale, numbers[*long]?)? - 1.0,
        Derived::Score(of, bounds, reversed) => {
            let value = numbers[*of]?;
            let reached = bounds.iter().filter(|bound| **bound <= value).count();
            let score = if *reversed { bounds.len() - reached } else { reached };
            score as f64 + 1.0
        }
    };
    number.is_finite().then_some(number + 0.0)
}

fn over(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}

fn aggregate(op: pb::AggregateOp, accumulator: &Accumulator, today: i32) -> Option<Kind> {
    let some = accumulator.count > 0;
    match op {
        pb::AggregateOp::Unspecified => None,
        pb::AggregateOp::Count => Some(Kind::Number(accumulator.count as f64)),
        pb::AggregateOp::Sum => Some(Kind::Number(accumulator.sum as f64)),
        pb::AggregateOp::Days => Some(Kind::Number(f64::from(accumulator.days))),
        pb::AggregateOp::Mean => some.then(|| Kind::Number(accumulator.sum as f64 / accumulator.count as f64)),
        pb::AggregateOp::Min => some.then_some(Kind::Number(accumulator.min as f64)),
        pb::AggregateOp::Max => some.then_some(Kind::Number(accumulator.max as f64)),
        pb::AggregateOp::LastDay => some.then(|| Kind::Day(Day(accumulator.last).to_string())),
        pb::AggregateOp::FirstDay => some.then(|| Kind::Day(Day(accumulator.first).to_string())),
        pb::AggregateOp::Distinct => Some(Kind::Number(accumulator.values.len() as f64)),
        pb::AggregateOp::RecencyScore => some.then(|| Kind::Number(recency_score(today - accumulator.last))),
        pb::AggregateOp::RepeatDays => Some(Kind::Number(f64::from(accumulator.days.saturating_sub(1)))),
        pb::AggregateOp::RepeatMean => Some(Kind::Number(repeat_mean(accumulator))),
        pb::AggregateOp::SpanDays => some.then(|| Kind::Number(f64::from(accumulator.last - accumulator.first))),
    }
}

/// A score by the days since the last event. It changes at the edges of windows only, so most days touch nobody.
fn recency_score(days: i32) -> f64 {
    match days {
        ..7 => 5.0,
        7..30 => 4.0,
        30..90 => 3.0,
        90..365 => 2.0,
        365.. => 1.0,
    }
}

/// The mean amount of the days after the first (the "monetary value" of Fader and Hardie 2013).
fn repeat_mean(accumulator: &Accumulator) -> f64 {
    match accumulator.days {
        0 | 1 => 0.0,
        days => accumulator.sum.saturating_sub(accumulator.first_sum) as f64 / f64::from(days - 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::feature::template;

    fn named(catalogue: &Catalogue, vector: &pb::Vector) -> HashMap<String, Kind> {
        let name = |number| catalogue.features.iter().find(|f| f.number == number).unwrap().name.clone();
        let values = vector.values.iter().map(|value| value.kind.clone().unwrap());
        vector.features.iter().map(|number| name(*number)).zip(values).collect()
    }

    #[test]
    fn missing_values_are_left_out_and_counts_are_zero() {
        let catalogue = template::find("base").unwrap().catalogue();
        let plan = catalogue.plan(&HashMap::new());
        let mut customer = pb::Customer { r#type: pb::CustomerType::Retail.into(), ..Default::default() };
        let number = |number| Value { kind: Some(Kind::Number(number)) };
        customer.attributes.insert("average_salary".to_owned(), number(f64::NAN));
        customer.attributes.insert("gender".to_owned(), number(1.0));
        let holdings = [OpenHolding { kind: "card".to_owned(), balance_minor: 5 }];
        let state = State::empty(&plan, 1);
        let now = clock::from_micros(0);
        let (tags, kyc_completeness, related) = (Vec::new(), None, &Sums::new());
        let (customer, holdings, state) = (&customer, holdings.as_slice(), &state);
        let inputs = Inputs { customer, holdings, state, tags, kyc_completeness, related, now };
        let values = named(&catalogue, &vector(&catalogue, inputs));
        assert_eq!(values["customer_type"], Kind::Text("retail".to_owned()));
        assert_eq!(values["txn_count_30d"], Kind::Number(0.0));
        assert_eq!(values["has_card"], Kind::Flag(true));
        assert_eq!(values["has_loan"], Kind::Flag(false));
        for absent in ["average_salary", "gender", "risk_level", "outflow_max_30d", "last_event_day", "open_day"] {
            assert!(!values.contains_key(absent), "{absent}");
        }
    }
}
