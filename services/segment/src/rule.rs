//! Rules: text in, a small typed tree out, and the tree's value for one row. No store, no lists of customers.
//!
//! A rule is CEL over features and tags. The `cel` crate parses; checking, types and evaluation are ours, because an
//! unknown must stay unknown: a missing value is unknown, so is a failed reckoning (division by zero), logic is
//! Kleene's (Introduction to Metamathematics, 1952, §64), and a rule that is unknown as a whole does not hold. The language
//! is told in docs/rules.md, whose tables and examples a test holds true.

mod calendar;
mod check;
mod clause;
mod cost;
mod eval;
mod nearest;
mod parse;
mod pattern;
mod place;
#[cfg(test)]
mod tests;
mod tree;
pub mod vector;

use std::collections::BTreeSet;

use self::check::Checked;
pub use self::clause::{Clause, Read, Shape};
pub use self::cost::MAX_COST;
pub use self::eval::Truth;
pub use self::nearest::{Change, Goal, Known, Test, nearest};
pub use self::parse::Parsed;
pub use self::pattern::MAX_PATTERN;
pub use self::place::Place;
pub use self::tree::Comparison;
use self::tree::FlagExpr;
use crate::catalogue::Catalogue;
use crate::columns::{Names, Row};

/// The longest rule, in bytes.
pub const MAX_BYTES: usize = 4096;

/// The most nodes that a rule's syntax tree may have.
pub const MAX_NODES: usize = 200;

/// The most brackets that may be open at once in a rule.
pub const MAX_DEPTH: usize = 64;

/// A rule that was checked against a catalogue and can be evaluated.
#[derive(Clone, Debug)]
pub struct Rule {
    root: FlagExpr,
    clause: Clause,
    features: BTreeSet<String>,
    cost: u32,
}

/// Something wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, and what would be right.
    pub description: String,
    /// Where it is wrong.
    pub place: Place,
}

impl Rule {
    /// Parses and checks a rule. `names` takes up the texts and tags that it speaks of. Errors: every fault there is.
    pub fn new(source: &str, catalogue: &Catalogue, names: &mut Names) -> Result<Self, Vec<Fault>> {
        Self::check(&Parsed::new(source)?, catalogue, names)
    }

    /// Checks a parsed rule. Errors: every fault there is.
    pub fn check(parsed: &Parsed, catalogue: &Catalogue, names: &mut Names) -> Result<Self, Vec<Fault>> {
        Self::check_with_hints(parsed, catalogue, names).map(|(rule, _)| rule)
    }

    /// Checks a parsed rule, and says besides what is no fault but may not be what was meant: a tag or a text that is not
    /// among the names. Errors: every fault there is.
    pub fn check_with_hints(
        parsed: &Parsed,
        catalogue: &Catalogue,
        names: &mut Names,
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let Checked { root, clause, reads, cost, hints } = check::check(parsed, catalogue, names)?;
        let features = reads.into_iter().filter_map(|read| match read {
            Read::Feature(name, _) => Some(name),
            Read::Tag(..) | Read::TagPrefix(_) => None,
        });
        Ok((Self { root, clause, features: features.collect(), cost }, hints))
    }

    /// The features that it reads, ascending.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(String::as_str)
    }

    /// What it costs for one customer at most, in units of one step.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// The rule taken apart; its truth is the rule's.
    pub fn clause(&self) -> &Clause {
        &self.clause
    }

    /// Its truth for one customer.
    pub fn truth(&self, row: &Row<'_>) -> Truth {
        eval::flag(&self.root, row)
    }

    /// Whether the customer is a member: unknown is not.
    pub fn holds(&self, row: &Row<'_>) -> bool {
        self.truth(row) == Truth::True
    }
}
