//! A rule taken apart for people: what each part of it says of a row, down to the single comparisons.

use super::eval::{self, Truth};
use super::place::Place;
use super::tree::FlagExpr;
use crate::catalogue::Column;
use crate::columns::Row;

/// A part of a rule that is true, false or unknown by itself.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Where it stands.
    pub place: Place,
    /// What it is made of.
    pub shape: Shape,
}

/// What a clause is made of.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A single comparison or test, and what it reads.
    Comparison(FlagExpr, Vec<Read>),
    /// True if all are.
    All(Vec<Clause>),
    /// True if any is.
    Any(Vec<Clause>),
    /// True if the other is false.
    Not(Box<Clause>),
    /// The second where the first is true, the third where it is false.
    If(Box<[Clause; 3]>),
    /// True if both are true or both false.
    Same(Box<[Clause; 2]>),
}

/// Something of a customer's that a comparison reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A feature, by name and place.
    Feature(String, Column),
    /// A tag, by name and code.
    Tag(String, u32),
    /// Any tag that begins so.
    TagPrefix(String),
}

impl Clause {
    /// Its truth for one customer.
    pub fn truth(&self, row: &Row<'_>) -> Truth {
        match &self.shape {
            Shape::Comparison(expr, _) => eval::flag(expr, row),
            Shape::All(clauses) => clauses.iter().map(|clause| clause.truth(row)).min().unwrap_or(Truth::True),
            Shape::Any(clauses) => clauses.iter().map(|clause| clause.truth(row)).max().unwrap_or(Truth::False),
            Shape::Not(clause) => clause.truth(row).not(),
            Shape::If(clauses) => match clauses[0].truth(row) {
                Truth::True => clauses[1].truth(row),
                Truth::False => clauses[2].truth(row),
                Truth::Unknown => Truth::Unknown,
            },
            Shape::Same(clauses) => clauses[0].truth(row).same(clauses[1].truth(row)),
        }
    }

    /// The clauses that must all hold, in the order in which they are written; itself alone if it is no conjunction.
    pub fn conjuncts(&self) -> &[Clause] {
        match &self.shape {
            Shape::All(clauses) if !clauses.is_empty() => clauses,
            _ => std::slice::from_ref(self),
        }
    }

    /// The clauses right below.
    pub fn clauses(&self) -> &[Clause] {
        match &self.shape {
            Shape::Comparison(..) => &[],
            Shape::All(clauses) | Shape::Any(clauses) => clauses,
            Shape::Not(clause) => std::slice::from_ref(&**clause),
            Shape::If(clauses) => clauses.as_slice(),
            Shape::Same(clauses) => clauses.as_slice(),
        }
    }
}
