//! Rules over many rows at once: bitmaps, and algebra on them. The row evaluator (`eval`) says what is right; this one
//! is for whoever asks about everybody, and a test holds that both agree.
//!
//! Rules are taken apart into steps, and each step is a bitmap over a block of rows. What rules have in common, above all
//! comparisons, is one step. Kleene's third value needs no bitmap of its own: of each expression it is asked where it is
//! known to be true, or where it is known to be false, and what is in neither is unknown. "Not" swaps the question; "and"
//! is false wherever either side is (§64, as in `rule.rs`). A comparison is false where its opposite is true.

mod kernel;
mod operand;
mod run;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ptr;

use huan_chassis::clock::Day;

use self::operand::{Operand, Range, days, points, ranges, rest};
pub use self::run::Tags;
use super::tree::{Comparison, DayExpr, FlagExpr, NumberExpr, TextExpr};
use super::{Clause, Rule, Shape};
use crate::catalogue::{Column, Kind};

/// Rules as steps, for one business day.
pub struct Program {
    today: i32,
    steps: Vec<Step>,
    /// The place of each step, by how it is written.
    places: HashMap<String, usize>,
}

/// A bitmap that a program finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(usize);

/// How a bitmap is found. Those that it is found from come before it, and rows of nobody are in none.
#[derive(Debug)]
enum Step {
    Nobody,
    Everybody,
    /// Rows whose value is known and in one of these ranges.
    Within(Column, Vec<Range>),
    /// Rows whose flag is known and is this.
    Flag(usize, bool),
    Tag(u32),
    /// Rows where both are known and compare so.
    Compare(Comparison, Operand, Operand),
    /// Whatever else there is, row by row: where it is true, or where it is false.
    ByRow(FlagExpr, bool),
    And(Node, Node),
    Or(Node, Node),
    /// Rows of the first that are not in the second.
    Less(Node, Node),
}

/// The steps of the expressions of one rule, or of the parts of one clause, by where those lie in memory: what is asked for
/// again, as in a tower of `==`, is not walked again.
type Walked = HashMap<(usize, bool), Node>;

impl Program {
    /// A program of nothing yet.
    pub fn new(today: Day) -> Self {
        Self { today: today.0, steps: Vec::new(), places: HashMap::new() }
    }

    /// The rows of nobody.
    pub fn nobody(&mut self) -> Node {
        self.add(Step::Nobody)
    }

    /// The rows of customers.
    pub fn everybody(&mut self) -> Node {
        self.add(Step::Everybody)
    }

    /// The rows for which a rule holds.
    pub fn holds(&mut self, rule: &Rule) -> Node {
        self.known(&rule.root, true, &mut Walked::new())
    }

    /// Where a clause of a rule is known to be true, and where it is known to be false.
    pub fn clause(&mut self, clause: &Clause) -> [Node; 2] {
        let mut walked = Walked::new();
        [true, false].map(|is| self.part(clause, is, &mut walked))
    }

    /// The rows in either.
    pub fn either(&mut self, left: Node, right: Node) -> Node {
        match (&self.steps[left.0], &self.steps[right.0]) {
            (Step::Nobody, _) | (_, Step::Everybody) => right,
            (_, Step::Nobody) | (Step::Everybody, _) => left,
            _ if left == right => left,
            _ => self.add(Step::Or(left.min(right), left.max(right))),
        }
    }

    /// The rows in both.
    pub fn both(&mut self, left: Node, right: Node) -> Node {
        match (&self.steps[left.0], &self.steps[right.0]) {
            (Step::Nobody, _) | (_, Step::Everybody) => left,
            (_, Step::Nobody) | (Step::Everybody, _) => right,
            _ if left == right => left,
            _ => self.add(Step::And(left.min(right), left.max(right))),
        }
    }

    /// The rows in the first that are not in the second.
    pub fn less(&mut self, left: Node, right: Node) -> Node {
        match (&self.steps[left.0], &self.steps[right.0]) {
            (Step::Nobody, _) | (_, Step::Nobody) => left,
            (_, Step::Everybody) => self.nobody(),
            _ if left == right => self.nobody(),
            _ => self.add(Step::Less(left, right)),
        }
    }

    /// The columns that are read, but for what is found row by row.
    pub fn columns(&self) -> Vec<Column> {
        let mut columns = Vec::new();
        for step in &self.steps {
            match step {
                Step::Within(column, _) => columns.push(*column),
                Step::Flag(slot, _) => columns.push(Column { kind: Kind::Flag, slot: *slot }),
                Step::Compare(_, left, right) => {
                    left.columns(&mut columns);
                    right.columns(&mut columns);
                }
                _ => {}
            }
        }
        columns.sort_unstable_by_key(|column| (column.kind as u8, column.slot));
        columns.dedup();
        columns
    }

    /// Where an expression is known to be this.
    fn known(&mut self, expr: &FlagExpr, is: bool, walked: &mut Walked) -> Node {
        let key = (ptr::from_ref(expr).addr(), is);
        if let Some(node) = walked.get(&key) {
            return *node;
        }
        let node = self.walk(expr, is, walked);
        walked.insert(key, node);
        node
    }

    /// Where a part of a clause is known to be this.
    fn part(&mut self, clause: &Clause, is: bool, walked: &mut Walked) -> Node {
        let key = (ptr::from_ref(clause).addr(), is);
        if let Some(node) = walked.get(&key) {
            return *node;
        }
        let node = self.walk_clause(clause, is, walked);
        walked.insert(key, node);
        node
    }

    fn walk_clause(&mut self, clause: &Clause, is: bool, walked: &mut Walked) -> Node {
        match &clause.shape {
            Shape::Comparison(expr, _) => self.known(expr, is, &mut Walked::new()),
            Shape::Not(inner) => self.part(inner, !is, walked),
            Shape::All(clauses) | Shape::Any(clauses) => {
                // "All" is true where every one is, and false where any is; "any" the other way round.
                let every = matches!(clause.shape, Shape::All(_)) == is;
                let start = if every { self.everybody() } else { self.nobody() };
                clauses.iter().fold(start, |found, clause| {
                    let node = self.part(clause, is, walked);
                    if every { self.both(found, node) } else { self.either(found, node) }
                })
            }
            Shape::If(clauses) => {
                let [test, then, or] = &**clauses;
                let (yes, no) = (self.part(test, true, walked), self.part(test, false, walked));
                let (then, or) = (self.part(then, is, walked), self.part(or, is, walked));
                let (then, or) = (self.both(yes, then), self.both(no, or));
                self.either(then, or)
            }
            Shape::Same(clauses) => {
                let [yes, no] = [true, false].map(|of_left| {
                    let left = self.part(&clauses[0], of_left, walked);
                    let right = self.part(&clauses[1], of_left == is, walked);
                    self.both(left, right)
                });
                self.either(yes, no)
            }
        }
    }

    fn walk(&mut self, expr: &FlagExpr, is: bool, walked: &mut Walked) -> Node {
        match expr {
            FlagExpr::Literal(value) if *value == is => self.everybody(),
            FlagExpr::Literal(_) => self.nobody(),
            FlagExpr::Feature(slot) => self.add(Step::Flag(*slot, is)),
            FlagExpr::HasTag(tag) => {
                let tagged = self.add(Step::Tag(*tag));
                self.complete(tagged, is)
            }
            FlagExpr::Has(column) => {
                let known = self.has(*column);
                self.complete(known, is)
            }
            FlagExpr::Not(inner) => self.known(inner, !is, walked),
            FlagExpr::And(left, right) | FlagExpr::Or(left, right) => {
                let (left, right) = (self.known(left, is, walked), self.known(right, is, walked));
                // "and" is true where both are, and false where either is; "or" the other way round.
                if matches!(expr, FlagExpr::And(..)) == is { self.both(left, right) } else { self.either(left, right) }
            }
            FlagExpr::If(test, then, or) => {
                let (yes, no) = (self.known(test, true, walked), self.known(test, false, walked));
                let (then, or) = (self.known(then, is, walked), self.known(or, is, walked));
                let (then, or) = (self.both(yes, then), self.both(no, or));
                self.either(then, or)
            }
            FlagExpr::Equal(left, right) => {
                let [yes, no] = [true, false].map(|of_left| {
                    let (left, right) = (self.known(left, of_left, walked), self.known(right, of_left == is, walked));
                    self.both(left, right)
                });
                self.either(yes, no)
            }
            _ => self.compare(expr, is),
        }
    }

    /// Expressions over values that are no flags.
    fn compare(&mut self, expr: &FlagExpr, is: bool) -> Node {
        let step = match expr {
            FlagExpr::CompareNumber(comparison, left, right) => {
                self.order(turned(*comparison, is), Operand::number(left), Operand::number(right))
            }
            FlagExpr::CompareDay(comparison, left, right) => {
                let (left, right) = (Operand::day(left, self.today), Operand::day(right, self.today));
                self.order(turned(*comparison, is), left, right)
            }
            FlagExpr::EqualText(left, right) => {
                self.order(turned(Comparison::Equal, is), Operand::text(left), Operand::text(right))
            }
            FlagExpr::InNumber(NumberExpr::Feature(slot), list) => {
                Some(among(Kind::Number, *slot, is, list.iter().copied()))
            }
            FlagExpr::InDay(DayExpr::Feature(slot), list) => {
                Some(among(Kind::Day, *slot, is, list.iter().copied().map(f64::from)))
            }
            FlagExpr::InText(TextExpr::Feature(slot), list) => {
                Some(among(Kind::Text, *slot, is, list.iter().copied().map(f64::from)))
            }
            _ => None,
        };
        self.add(step.unwrap_or_else(|| Step::ByRow(expr.clone(), is)))
    }

    /// A comparison, as ranges of one column if it can be so written. `None` if an operand is none that is known here.
    fn order(&self, comparison: Comparison, left: Option<Operand>, right: Option<Operand>) -> Option<Step> {
        Some(match (left?, right?) {
            (Operand::Stored(column), Operand::Literal(value)) => Step::Within(column, ranges(comparison, value)),
            (Operand::Literal(value), Operand::Stored(column)) => {
                Step::Within(column, ranges(flipped(comparison), value))
            }
            (Operand::Since(unit, column), Operand::Literal(value)) => {
                Step::Within(column, days(unit, self.today, comparison, value))
            }
            (Operand::Literal(value), Operand::Since(unit, column)) => {
                Step::Within(column, days(unit, self.today, flipped(comparison), value))
            }
            (left, right) => Step::Compare(comparison, left, right),
        })
    }

    fn has(&mut self, column: Column) -> Node {
        match column.kind {
            Kind::Flag => {
                let [yes, no] = [true, false].map(|is| self.add(Step::Flag(column.slot, is)));
                self.either(yes, no)
            }
            _ => self.add(Step::Within(column, rest(Vec::new()))),
        }
    }

    /// What is never unknown is false wherever it is not true.
    fn complete(&mut self, node: Node, is: bool) -> Node {
        let everybody = self.everybody();
        if is { node } else { self.less(everybody, node) }
    }

    fn add(&mut self, step: Step) -> Node {
        let place = *self.places.entry(format!("{step:?}")).or_insert(self.steps.len());
        if place == self.steps.len() {
            self.steps.push(step);
        }
        Node(place)
    }
}

impl Node {
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

/// A column's value is known and in the list, or known and not.
fn among(kind: Kind, slot: usize, is: bool, list: impl Iterator<Item = f64>) -> Step {
    let list: Vec<f64> = list.collect();
    Step::Within(Column { kind, slot }, if is { points(list) } else { rest(list) })
}

/// The comparison, or the one that is true where it is false.
fn turned(comparison: Comparison, is: bool) -> Comparison {
    match comparison {
        _ if is => comparison,
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterEqual,
        Comparison::LessEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessEqual,
        Comparison::GreaterEqual => Comparison::Less,
    }
}

/// The comparison of the right side with the left.
fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal | Comparison::NotEqual => comparison,
        Comparison::Less => Comparison::Greater,
        Comparison::LessEqual => Comparison::GreaterEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterEqual => Comparison::LessEqual,
    }
}
