//! What is nearest to change what rules say of a customer: the fewest comparisons that would have to come out otherwise,
//! and of as few the least distance in all.
//!
//! A way is what values must be for a goal; the ways of a conjunction are every way of one with every way of the other,
//! those of a disjunction the ways of both, and only the best few are kept on each level. Wishes for the same value are
//! fulfilled by one value or the way is none. A comparison that is not of one feature's value with something fixed is wished
//! for as a whole, as if it could change by itself.

mod wish;

pub use self::wish::{Change, Known, Test};
use self::wish::{Key, Wish, far, fulfil};
use super::clause::{Clause, Read, Shape};
use super::eval::{self, Truth};
use super::tree::{Comparison, DayExpr, FlagExpr, NumberExpr, TextExpr};
use crate::catalogue::{Column, Kind};
use crate::columns::Row;

/// Ways kept on each level.
const KEPT: usize = 6;

/// What is to become of rules; each rule by its number.
pub enum Goal<'a> {
    /// It holds.
    Holds(usize, &'a Clause),
    /// It does not hold.
    HoldsNot(usize, &'a Clause),
    /// Everything of this.
    All(Vec<Goal<'a>>),
    /// Something of this.
    Any(Vec<Goal<'a>>),
}

/// The nearest way to a goal, as what has to change; `None` if nothing that the rules read can bring it about.
pub fn nearest<'a>(goal: &Goal<'a>, row: &Row<'_>) -> Option<Vec<Change<'a>>> {
    let search = Search { row };
    let way = search.goal(goal).into_iter().next()?;
    fulfil(&way.wishes, row).map(|(changes, _)| changes)
}

/// Values that bring a goal about, and how far they are from those of now.
#[derive(Clone, Default)]
struct Way<'a> {
    wishes: Vec<Wish<'a>>,
    /// How many comparisons come out otherwise.
    count: usize,
    distance: f64,
}

struct Search<'r, 'd> {
    row: &'r Row<'d>,
}

/// The comparison that is looked at, of the rule with this number.
#[derive(Clone, Copy)]
struct Leaf<'a> {
    rule: usize,
    clause: &'a Clause,
    reads: &'a [Read],
}

impl Search<'_, '_> {
    fn goal<'a>(&self, goal: &Goal<'a>) -> Vec<Way<'a>> {
        match goal {
            Goal::Holds(rule, clause) => self.clause(*rule, clause, true),
            // Whoever is unknown is no member already.
            Goal::HoldsNot(_, clause) if clause.truth(self.row) == Truth::Unknown => vec![Way::default()],
            Goal::HoldsNot(rule, clause) => self.clause(*rule, clause, false),
            Goal::All(goals) => self.all(goals.iter().map(|goal| self.goal(goal))),
            Goal::Any(goals) => any(goals.iter().map(|goal| self.goal(goal))),
        }
    }

    fn clause<'a>(&self, rule: usize, clause: &'a Clause, to: bool) -> Vec<Way<'a>> {
        let each = |clauses: &'a [Clause], to: bool| clauses.iter().map(move |clause| self.clause(rule, clause, to));
        let pair = |one: (&'a Clause, bool), other: (&'a Clause, bool)| {
            self.all([one, other].into_iter().map(|(clause, to)| self.clause(rule, clause, to)))
        };
        match &clause.shape {
            Shape::Comparison(expr, reads) => self.comparison(Leaf { rule, clause, reads }, expr, to),
            Shape::All(clauses) if to => self.all(each(clauses, true)),
            Shape::Any(clauses) if !to => self.all(each(clauses, false)),
            Shape::All(clauses) | Shape::Any(clauses) => any(each(clauses, to)),
            Shape::Not(inner) => self.clause(rule, inner, !to),
            Shape::If(clauses) => {
                let [test, then, or] = &**clauses;
                any([pair((test, true), (then, to)), pair((test, false), (or, to))].into_iter())
            }
            Shape::Same(clauses) => {
                let [one, other] = &**clauses;
                any([pair((one, true), (other, to)), pair((one, false), (other, !to))].into_iter())
            }
        }
    }

    fn comparison<'a>(&self, leaf: Leaf<'a>, expr: &'a FlagExpr, to: bool) -> Vec<Way<'a>> {
        match expr {
            FlagExpr::Literal(value) if *value == to => vec![Way::default()],
            FlagExpr::Literal(_) => vec![],
            FlagExpr::Not(inner) => self.comparison(leaf, inner, !to),
            FlagExpr::And(one, other) | FlagExpr::Or(one, other) => {
                let both = [one, other].into_iter().map(|expr| self.comparison(leaf, expr, to));
                if matches!(expr, FlagExpr::And(..)) == to { self.all(both) } else { any(both) }
            }
            FlagExpr::Feature(slot) => {
                let column = Column { kind: Kind::Flag, slot: *slot };
                self.wish(leaf, column, to, Test::Compare(Comparison::Equal, Known::Flag(to)), None)
            }
            FlagExpr::Has(column) => self.wish(leaf, *column, to, if to { Test::Known } else { Test::Missing }, None),
            FlagExpr::HasTag(tag) => {
                let test = Test::Compare(Comparison::Equal, Known::Flag(to));
                self.one(Wish { test, ..self.blank(leaf, Key::Tag(*tag), to) })
            }
            _ => self.of_feature(leaf, expr, to).unwrap_or_else(|| self.whole(leaf, expr, to)),
        }
    }

    /// A comparison of one feature with what is fixed.
    fn of_feature<'a>(&self, leaf: Leaf<'a>, expr: &'a FlagExpr, to: bool) -> Option<Vec<Way<'a>>> {
        let towards = |comparison: Comparison| if to { comparison } else { comparison.negated() };
        Some(match expr {
            FlagExpr::CompareNumber(comparison, left, right) => {
                let (comparison, slot, number) = match (left, right) {
                    (NumberExpr::Feature(slot), NumberExpr::Literal(number)) => (*comparison, *slot, *number),
                    (NumberExpr::Literal(number), NumberExpr::Feature(slot)) => (comparison.mirrored(), *slot, *number),
                    _ => return None,
                };
                let test = Test::Compare(towards(comparison), Known::Number(number));
                self.wish(leaf, Column { kind: Kind::Number, slot }, to, test, None)
            }
            FlagExpr::CompareDay(comparison, left, right) => {
                let (comparison, slot, day) = match (left, right) {
                    (DayExpr::Feature(slot), day) => (*comparison, *slot, day),
                    (day, DayExpr::Feature(slot)) => (comparison.mirrored(), *slot, day),
                    _ => return None,
                };
                let test = Test::Compare(towards(comparison), Known::Day(day.on(self.row.today())?));
                self.wish(leaf, Column { kind: Kind::Day, slot }, to, test, Some(day))
            }
            FlagExpr::EqualText(TextExpr::Feature(slot), TextExpr::Literal(code))
            | FlagExpr::EqualText(TextExpr::Literal(code), TextExpr::Feature(slot)) => {
                self.among(leaf, Column { kind: Kind::Text, slot: *slot }, to, [Known::Text(*code)].into_iter())
            }
            FlagExpr::InNumber(NumberExpr::Feature(slot), list) => {
                let column = Column { kind: Kind::Number, slot: *slot };
                self.among(leaf, column, to, list.iter().map(|number| Known::Number(*number)))
            }
            FlagExpr::InDay(DayExpr::Feature(slot), list) => {
                let column = Column { kind: Kind::Day, slot: *slot };
                self.among(leaf, column, to, list.iter().map(|day| Known::Day(*day)))
            }
            FlagExpr::InText(TextExpr::Feature(slot), list) => {
                let column = Column { kind: Kind::Text, slot: *slot };
                self.among(leaf, column, to, list.iter().map(|code| Known::Text(*code)))
            }
            _ => return None,
        })
    }

    /// A value is, or is not, one of these.
    fn among<'a>(&self, leaf: Leaf<'a>, column: Column, to: bool, values: impl Iterator<Item = Known>) -> Vec<Way<'a>> {
        let comparison = if to { Comparison::Equal } else { Comparison::NotEqual };
        let tests = values.map(|value| Test::Compare(comparison, value));
        let ways = |test| self.wish(leaf, column, to, test, None);
        if to { any(tests.map(ways)) } else { self.all(tests.chain([Test::Known]).map(ways)) }
    }

    fn wish<'a>(
        &self,
        leaf: Leaf<'a>,
        column: Column,
        to: bool,
        test: Test,
        moving: Option<&'a DayExpr>,
    ) -> Vec<Way<'a>> {
        let key = Key::Feature(column);
        self.one(Wish { test, moving, ..self.blank(leaf, key, to) })
    }

    /// The comparison as it stands comes out so.
    fn whole<'a>(&self, leaf: Leaf<'a>, expr: &'a FlagExpr, to: bool) -> Vec<Way<'a>> {
        let now = match eval::flag(expr, self.row) {
            Truth::Unknown => Known::Missing,
            truth => Known::Flag(truth == Truth::True),
        };
        let distance = match expr {
            FlagExpr::CompareNumber(_, left, right) => {
                far(Known::number(eval::number(left, self.row)), Known::number(eval::number(right, self.row)))
            }
            FlagExpr::CompareDay(_, left, right) => {
                far(Known::day(eval::day(left, self.row)), Known::day(eval::day(right, self.row)))
            }
            _ => 1.0,
        };
        let key = Key::Whole(std::ptr::from_ref(expr).addr(), now);
        let test = Test::Compare(Comparison::Equal, Known::Flag(to));
        self.one(Wish { test, distance: Some(distance), ..self.blank(leaf, key, to) })
    }

    fn blank<'a>(&self, leaf: Leaf<'a>, key: Key, becomes: bool) -> Wish<'a> {
        let read = leaf.reads.iter().find(|read| match (read, key) {
            (Read::Feature(_, column), Key::Feature(wanted)) => *column == wanted,
            (Read::Tag(_, tag), Key::Tag(wanted)) => *tag == wanted,
            _ => false,
        });
        let (rule, place) = (leaf.rule, &leaf.clause.place);
        Wish { rule, place, read, key, becomes, test: Test::Known, moving: None, distance: None }
    }

    fn one<'a>(&self, wish: Wish<'a>) -> Vec<Way<'a>> {
        self.weigh(vec![wish]).into_iter().collect()
    }

    fn weigh<'a>(&self, wishes: Vec<Wish<'a>>) -> Option<Way<'a>> {
        let (changes, distance) = fulfil(&wishes, self.row)?;
        Some(Way { wishes, count: changes.len(), distance })
    }

    /// Every way of each with every way of the others.
    fn all<'a>(&self, parts: impl Iterator<Item = Vec<Way<'a>>>) -> Vec<Way<'a>> {
        parts.fold(vec![Way::default()], |ways, part| {
            let joined = ways.iter().flat_map(|one| {
                part.iter().filter_map(|other| self.weigh([one.wishes.as_slice(), &other.wishes].concat()))
            });
            best(joined.collect())
        })
    }
}

fn any<'a>(parts: impl Iterator<Item = Vec<Way<'a>>>) -> Vec<Way<'a>> {
    best(parts.flatten().collect())
}

fn best(mut ways: Vec<Way<'_>>) -> Vec<Way<'_>> {
    ways.sort_by(|one, other| one.count.cmp(&other.count).then(one.distance.total_cmp(&other.distance)));
    ways.truncate(KEPT);
    ways
}
