//! Rules: text in, a small typed tree out, and the tree's value for one row. No store, no lists of customers.
//!
//! A rule is CEL over features and tags. The `cel` crate parses; checking, types and evaluation are ours, because an
//! unknown must stay unknown: a missing value is unknown, so is a failed reckoning (division by zero), logic is
//! Kleene's (Introduction to Metamathematics, 1952, §64), and a rule that is unknown as a whole does not hold.

mod check;
mod eval;
mod parse;
#[cfg(test)]
mod tests;
mod tree;
pub mod vector;

use std::collections::BTreeSet;

pub use self::eval::Truth;
pub use self::parse::Parsed;
use self::tree::FlagExpr;
use crate::catalogue::Catalogue;
use crate::columns::{Names, Row};

/// The longest rule, in bytes.
pub const MAX_BYTES: usize = 4096;

/// The most nodes that a rule's syntax tree may have.
pub const MAX_NODES: usize = 200;

/// A rule that was checked against a catalogue and can be evaluated.
#[derive(Clone, Debug)]
pub struct Rule {
    root: FlagExpr,
    features: BTreeSet<String>,
}

/// Something wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, and what would be right.
    pub description: String,
    /// The part of the rule at fault.
    pub part: String,
}

impl Rule {
    /// Parses and checks a rule. `names` takes up the texts and tags that it speaks of. Errors: every fault there is.
    pub fn new(source: &str, catalogue: &Catalogue, names: &mut Names) -> Result<Self, Vec<Fault>> {
        Self::check(&Parsed::new(source)?, catalogue, names)
    }

    /// Checks a parsed rule. Errors: every fault there is.
    pub fn check(parsed: &Parsed, catalogue: &Catalogue, names: &mut Names) -> Result<Self, Vec<Fault>> {
        check::check(parsed, catalogue, names).map(|(root, features)| Self { root, features })
    }

    /// The features that it reads, ascending.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(String::as_str)
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
