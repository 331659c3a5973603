//! A rule under trial: what is wrong with it, or whom it reaches and what each of its clauses does. Nothing is kept.

use std::sync::Arc;

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;

use crate::catalogue::Catalogue;
use crate::columns::{Customer, Names, Snapshot};
use crate::convert;
use crate::rule::{Parsed, Rule, Truth};

/// The most members that are shown.
const MAX_EXAMPLES: usize = 20;

/// Who is looked at, and who may be shown.
pub struct Audience<S> {
    /// All customers as they stand.
    pub rows: Snapshot,
    /// The business day.
    pub today: Day,
    /// Whether the caller sees a customer; the others are not counted.
    pub sees: S,
    /// Whether members are shown.
    pub shows: bool,
}

/// Checks a rule against a catalogue and tries it on an audience, if there is one.
pub fn try_rule<S: Fn(&Customer<'_>) -> bool>(
    source: &str,
    catalogue: &Catalogue,
    mut names: Names,
    audience: Option<Audience<S>>,
) -> pb::CheckRuleResponse {
    let checked = Parsed::new(source).and_then(|parsed| Rule::check_with_hints(&parsed, catalogue, &mut names));
    let (rule, hints) = match checked {
        Ok(checked) => checked,
        Err(faults) => {
            let faults = faults.into_iter().map(convert::rule_fault).collect();
            return pb::CheckRuleResponse { faults, ..Default::default() };
        }
    };
    // The rows are read with the names that the rule has added to: their codes are the same.
    let names = Arc::new(names);
    let audience = audience.map(|audience| Audience { rows: Snapshot { names, ..audience.rows }, ..audience });
    pb::CheckRuleResponse {
        valid: true,
        faults: vec![],
        features: rule.features().map(str::to_owned).collect(),
        hints: hints.into_iter().map(convert::rule_fault).collect(),
        cost: rule.cost() as i32,
        reach: audience.map(|audience| reach(&rule, &audience)),
    }
}

/// Counts for whom a rule and each of its clauses hold. One pass over all rows.
fn reach<S: Fn(&Customer<'_>) -> bool>(rule: &Rule, audience: &Audience<S>) -> pb::Reach {
    let clauses = rule.clause().conjuncts();
    let told = |clause: &crate::rule::Clause| pb::ClauseReach {
        part: clause.place.part.clone(),
        line: clause.place.line,
        column: clause.place.column,
        ..Default::default()
    };
    let mut reach = pb::Reach { clauses: clauses.iter().map(told).collect(), ..Default::default() };
    for (_, row) in audience.rows.rows(audience.today).filter(|(_, row)| (audience.sees)(&row.customer())) {
        let mut all = Truth::True;
        for (clause, counted) in clauses.iter().zip(&mut reach.clauses) {
            let truth = clause.truth(&row);
            all = all.min(truth);
            counted.alone += i64::from(truth == Truth::True);
            counted.unknown += i64::from(truth == Truth::Unknown);
            counted.running += i64::from(all == Truth::True);
        }
        reach.population += 1;
        reach.members += i64::from(all == Truth::True);
        reach.unknown += i64::from(all == Truth::Unknown);
        if all == Truth::True && audience.shows && reach.examples.len() < MAX_EXAMPLES {
            reach.examples.push(convert::member(&row.customer()));
        }
    }
    reach
}
