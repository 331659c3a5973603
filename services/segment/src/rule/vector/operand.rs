//! What is compared: operands, and the ranges of a column's values for which a comparison with a literal is true.

use crate::catalogue::{Column, Kind};
use crate::columns::Block;
use crate::rule::calendar::years_between;
use crate::rule::eval;
use crate::rule::tree::{Arithmetic, Comparison, DayExpr, NumberExpr, TextExpr};

/// Values from `low` to `high`, both of them in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

/// How time that has passed is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Days,
    Years,
}

/// A number, or a day or a code as one; NaN = unknown.
#[derive(Debug)]
pub(super) enum Operand {
    Literal(f64),
    Stored(Column),
    /// Time since a stored day.
    Since(Unit, Column),
    Negate(Box<Operand>),
    Reckon(Arithmetic, Box<Operand>, Box<Operand>),
}

impl Operand {
    /// `None`: not known here, so its expression is evaluated row by row.
    pub(super) fn number(expr: &NumberExpr) -> Option<Self> {
        Some(match expr {
            NumberExpr::Literal(value) => Self::Literal(*value),
            NumberExpr::Feature(slot) => Self::Stored(Column { kind: Kind::Number, slot: *slot }),
            NumberExpr::DaysSince(DayExpr::Feature(slot)) => {
                Self::Since(Unit::Days, Column { kind: Kind::Day, slot: *slot })
            }
            NumberExpr::YearsSince(DayExpr::Feature(slot)) => {
                Self::Since(Unit::Years, Column { kind: Kind::Day, slot: *slot })
            }
            NumberExpr::Negate(inner) => match Self::number(inner)? {
                Self::Literal(value) => Self::Literal(-value),
                inner => Self::Negate(Box::new(inner)),
            },
            NumberExpr::Reckon(operation, left, right) => match (Self::number(left)?, Self::number(right)?) {
                (Self::Literal(left), Self::Literal(right)) => Self::Literal(eval::reckon(*operation, left, right)),
                (left, right) => Self::Reckon(*operation, Box::new(left), Box::new(right)),
            },
            _ => return None,
        })
    }

    pub(super) fn day(expr: &DayExpr, today: i32) -> Option<Self> {
        match expr {
            DayExpr::Feature(slot) => Some(Self::Stored(Column { kind: Kind::Day, slot: *slot })),
            _ => expr.on(today).map(|day| Self::Literal(f64::from(day))),
        }
    }

    pub(super) fn text(expr: &TextExpr) -> Option<Self> {
        match expr {
            TextExpr::Literal(code) => Some(Self::Literal(f64::from(*code))),
            TextExpr::Feature(slot) => Some(Self::Stored(Column { kind: Kind::Text, slot: *slot })),
            _ => None,
        }
    }

    /// Adds the columns that it reads.
    pub(super) fn columns(&self, columns: &mut Vec<Column>) {
        match self {
            Self::Literal(_) => {}
            Self::Stored(column) | Self::Since(_, column) => columns.push(*column),
            Self::Negate(inner) => inner.columns(columns),
            Self::Reckon(_, left, right) => {
                left.columns(columns);
                right.columns(columns);
            }
        }
    }

    /// The values of 64 rows of a block.
    pub(super) fn read(&self, block: &Block<'_>, word: usize) -> [f64; 64] {
        match self {
            Self::Literal(value) => [*value; 64],
            Self::Stored(column) => stored(block, *column, word),
            Self::Since(unit, column) => stored(block, *column, word).map(|day| unit.since(day, block.today())),
            Self::Negate(inner) => inner.read(block, word).map(|value| -value),
            Self::Reckon(operation, left, right) => {
                let (mut left, right) = (left.read(block, word), right.read(block, word));
                left.iter_mut().zip(right).for_each(|(left, right)| *left = eval::reckon(*operation, *left, right));
                left
            }
        }
    }
}

impl Unit {
    /// Units from a day until today; NaN if the day is unknown or not of this world.
    fn since(self, day: f64, today: i32) -> f64 {
        match self {
            _ if day.is_nan() => f64::NAN,
            Self::Days => f64::from(today) - day,
            Self::Years => years_between(day as i32, today).map_or(f64::NAN, f64::from),
        }
    }
}

fn stored(block: &Block<'_>, column: Column, word: usize) -> [f64; 64] {
    let mut values = [f64::NAN; 64];
    if let Some(cells) = block.chunk().cells(column) {
        cells.read(word * 64..word * 64 + 64, &mut values);
    }
    values
}

/// The finite values that compare so with this one. A value that is unknown compares with none.
pub(super) fn ranges(comparison: Comparison, value: f64) -> Vec<Range> {
    let (below, above) = ((f64::NEG_INFINITY, value.next_down()), (value.next_up(), f64::INFINITY));
    let ranges = match comparison {
        _ if value.is_nan() => vec![],
        Comparison::Equal => vec![(value, value)],
        Comparison::NotEqual => vec![below, above],
        Comparison::Less => vec![below],
        Comparison::LessEqual => vec![(f64::NEG_INFINITY, value)],
        Comparison::Greater => vec![above],
        Comparison::GreaterEqual => vec![(value, f64::INFINITY)],
    };
    ranges.into_iter().map(|(low, high)| Range { low, high }).collect()
}

/// The values in a list.
pub(super) fn points(list: Vec<f64>) -> Vec<Range> {
    sorted(list).into_iter().map(|value| Range { low: value, high: value }).collect()
}

/// The finite values that are not in a list.
pub(super) fn rest(list: Vec<f64>) -> Vec<Range> {
    let list = sorted(list);
    let lows = std::iter::once(f64::NEG_INFINITY).chain(list.iter().map(|value| value.next_up()));
    let highs = list.iter().map(|value| value.next_down()).chain([f64::INFINITY]);
    lows.zip(highs).map(|(low, high)| Range { low, high }).collect()
}

fn sorted(mut list: Vec<f64>) -> Vec<f64> {
    list.sort_unstable_by(f64::total_cmp);
    list.dedup();
    list
}

/// The days since which there are so many units: the later the day, the fewer.
pub(super) fn days(unit: Unit, today: i32, comparison: Comparison, value: f64) -> Vec<Range> {
    if value.is_nan() {
        return vec![];
    }
    let since = |day: i64| unit.since(day as f64, today);
    // Days of which the units are known lie around today.
    let (today, least, most) = (i64::from(today), i64::from(i32::MIN) + 1, i64::from(i32::MAX));
    let first = first(least, today, |day| !since(day).is_nan());
    let last = self::first(today, most, |day| since(day).is_nan()) - 1;
    let fewer = self::first(first, last, |day| since(day) < value);
    let not_more = self::first(first, last, |day| since(day) <= value);
    let ranges = match comparison {
        Comparison::Equal => vec![(not_more, fewer - 1)],
        Comparison::NotEqual => vec![(first, not_more - 1), (fewer, last)],
        Comparison::Less => vec![(fewer, last)],
        Comparison::LessEqual => vec![(not_more, last)],
        Comparison::Greater => vec![(first, not_more - 1)],
        Comparison::GreaterEqual => vec![(first, fewer - 1)],
    };
    let ranges = ranges.into_iter().filter(|(low, high)| low <= high);
    ranges.map(|(low, high)| Range { low: low as f64, high: high as f64 }).collect()
}

/// The first of `low..=high` from which on it is true, by bisection; `high + 1` if it is nowhere.
fn first(mut low: i64, high: i64, is: impl Fn(i64) -> bool) -> i64 {
    let mut end = high + 1;
    while low < end {
        let middle = low + (end - low) / 2;
        if is(middle) { end = middle } else { low = middle + 1 }
    }
    low
}
