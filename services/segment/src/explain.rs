//! Why a customer has a membership or not, clause by clause, and what is nearest to change it. One row in, an answer out.

mod cluster;

use huan_chassis::clock::{self, Day};
use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, value};

use crate::columns::Row;
use crate::live::{Decided, Ruled};
use crate::rule::{Change, Clause, Comparison, Goal, Known, Read, Rule, Shape, Test, Truth, nearest};

/// Explains a membership of this name. How far the feed has been read is not known here.
pub fn explain(membership: &str, decided: &Decided<'_>, row: &Row<'_>) -> pb::ExplainMembershipResponse {
    let (decided_by, told) = match decided {
        Decided::ByRules(ruled) => (pb::DecidedBy::Rules, by_rules(ruled, row)),
        Decided::ByList(customers) => (pb::DecidedBy::List, alone(membership, customers.contains(row.ordinal()))),
        Decided::ByCluster(clustered) => (
            pb::DecidedBy::Clustering,
            clustered.as_ref().map_or_else(|| alone(membership, false), |it| cluster::explain(membership, it, row)),
        ),
    };
    let customer = row.customer();
    pb::ExplainMembershipResponse {
        customer_key: customer.customer_key.to_owned(),
        as_of_time: Some(clock::timestamp(clock::from_micros(customer.as_of))),
        business_day: Day(row.today()).to_string(),
        decided_by: decided_by.into(),
        ..told
    }
}

/// A membership of which there is no more to say.
fn alone(membership: &str, member: bool) -> pb::ExplainMembershipResponse {
    let actual_membership = if member { membership.to_owned() } else { String::new() };
    pb::ExplainMembershipResponse { member, actual_membership, ..Default::default() }
}

fn by_rules(ruled: &Ruled<'_>, row: &Row<'_>) -> pb::ExplainMembershipResponse {
    let holding = ruled.rules.iter().position(|(_, rule)| rule.is_some_and(|rule| rule.holds(row)));
    let member = holding.unwrap_or(ruled.rules.len()) == ruled.at;
    let actual = holding.map(|place| ruled.rules[place].0).or(ruled.other).unwrap_or_default();
    let asked = ruled.rules.iter().take(ruled.at + 1);
    let changes = nearest(&if member { leaving(ruled) } else { joining(ruled) }, row).unwrap_or_default();
    pb::ExplainMembershipResponse {
        member,
        actual_membership: actual.to_owned(),
        rules: asked.map(|(membership, rule)| reason(membership, *rule, row)).collect(),
        changes: changes.iter().map(|each| change(ruled.rules[each.rule].0, each, row)).collect(),
        ..Default::default()
    }
}

/// The rule holds, and none before it does. A rule that no longer fits never holds.
fn joining<'a>(ruled: &Ruled<'a>) -> Goal<'a> {
    let numbered = || ruled.rules.iter().map(|(_, rule)| *rule).enumerate();
    let before = numbered().take(ruled.at).filter_map(|(at, rule)| Some(Goal::HoldsNot(at, rule?.clause())));
    let own = numbered().nth(ruled.at).map(|(at, rule)| match rule {
        Some(rule) => Goal::Holds(at, rule.clause()),
        None => Goal::Any(vec![]),
    });
    Goal::All(before.chain(own).collect())
}

/// The rule no longer holds, or one before it does.
fn leaving<'a>(ruled: &Ruled<'a>) -> Goal<'a> {
    let numbered = || ruled.rules.iter().enumerate().filter_map(|(at, (_, rule))| Some((at, rule.as_ref()?.clause())));
    let before = numbered().filter(|(at, _)| *at < ruled.at).map(|(at, clause)| Goal::Holds(at, clause));
    let own = numbered().filter(|(at, _)| *at == ruled.at).map(|(at, clause)| Goal::HoldsNot(at, clause));
    Goal::Any(before.chain(own).collect())
}

fn part_id(membership: &str) -> String {
    membership.split_once('/').map(|(_, part)| part.to_owned()).unwrap_or_default()
}

fn reason(membership: &str, rule: Option<&Rule>, row: &Row<'_>) -> pb::RuleReason {
    let said = rule.map_or(Truth::False, |rule| rule.truth(row));
    pb::RuleReason {
        part_id: part_id(membership),
        truth: truth(said).into(),
        clause: rule.map(|rule| clause(rule.clause(), row)),
    }
}

fn clause(told: &Clause, row: &Row<'_>) -> pb::RuleClause {
    let (kind, reads): (_, &[Read]) = match &told.shape {
        Shape::Comparison(_, reads) => (pb::ClauseKind::Comparison, reads),
        Shape::All(_) => (pb::ClauseKind::All, &[]),
        Shape::Any(_) => (pb::ClauseKind::Any, &[]),
        Shape::Not(_) => (pb::ClauseKind::Not, &[]),
        Shape::If(_) => (pb::ClauseKind::If, &[]),
        Shape::Same(_) => (pb::ClauseKind::Same, &[]),
    };
    pb::RuleClause {
        part: told.place.part.clone(),
        line: told.place.line,
        column: told.place.column,
        kind: kind.into(),
        truth: truth(told.truth(row)).into(),
        seen: reads.iter().map(|read| seen(read, row)).collect(),
        clauses: told.clauses().iter().map(|below| clause(below, row)).collect(),
    }
}

fn seen(read: &Read, row: &Row<'_>) -> pb::SeenValue {
    let flag = |has| Value { kind: Some(value::Kind::Flag(has)) };
    let (of, value) = match read {
        Read::Feature(name, column) => (pb::seen_value::Of::Feature(name.clone()), row.value(*column)),
        Read::Tag(name, tag) => (pb::seen_value::Of::Tag(name.clone()), flag(row.has_tag(*tag))),
        Read::TagPrefix(start) => {
            (pb::seen_value::Of::TagPrefix(start.clone()), flag(row.any_tag(|tag| tag.starts_with(start.as_str()))))
        }
    };
    pb::SeenValue { of: Some(of), value: Some(value) }
}

fn change(membership: &str, change: &Change<'_>, row: &Row<'_>) -> pb::RuleChange {
    let (need, bound) = match (change.read, change.test) {
        (None, _) => (pb::RuleNeed::Whole, Known::Missing),
        (_, Test::Known) => (pb::RuleNeed::Known, Known::Missing),
        (_, Test::Missing) => (pb::RuleNeed::Missing, Known::Missing),
        (_, Test::Compare(comparison, bound)) => (need(comparison), bound),
    };
    pb::RuleChange {
        part_id: part_id(membership),
        part: change.place.part.clone(),
        line: change.place.line,
        column: change.place.column,
        becomes: change.becomes,
        seen: change.read.map(|read| seen(read, row)),
        need: need.into(),
        value: value_of(bound, row).map(|kind| Value { kind: Some(kind) }),
        distance: change.distance,
        by_itself_day: change.by_itself.map(|day| Day(day).to_string()).unwrap_or_default(),
    }
}

fn need(comparison: Comparison) -> pb::RuleNeed {
    match comparison {
        Comparison::Equal => pb::RuleNeed::Equal,
        Comparison::NotEqual => pb::RuleNeed::Other,
        Comparison::Less => pb::RuleNeed::Less,
        Comparison::LessEqual => pb::RuleNeed::AtMost,
        Comparison::Greater => pb::RuleNeed::More,
        Comparison::GreaterEqual => pb::RuleNeed::AtLeast,
    }
}

fn value_of(known: Known, row: &Row<'_>) -> Option<value::Kind> {
    Some(match known {
        Known::Missing => return None,
        Known::Number(number) => value::Kind::Number(number),
        Known::Day(day) => value::Kind::Day(Day(day).to_string()),
        Known::Text(code) => value::Kind::Text(row.spelling(code).to_owned()),
        Known::Flag(flag) => value::Kind::Flag(flag),
    })
}

fn truth(truth: Truth) -> pb::Truth {
    match truth {
        Truth::False => pb::Truth::False,
        Truth::Unknown => pb::Truth::Unknown,
        Truth::True => pb::Truth::True,
    }
}
