//! A rule under trial: what is wrong with it, or whom it reaches and what each of its clauses does. Nothing is kept.

use std::sync::Arc;

use huan_proto::segment::v1 as pb;

use crate::catalogue::Catalogue;
use crate::columns::{Customer, Names, Snapshot};
use crate::convert;
use crate::reach::{Audience, reach};
use crate::rule::{Parsed, Rule};

/// Checks a rule against a catalogue and tries it on an audience, if there is one.
pub fn try_rule<S: Fn(&Customer<'_>) -> bool + Sync>(
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
