//! The value of a typed tree for one row. No allocation, no failure: what cannot be reckoned is unknown.

use chrono::{Datelike, Days, NaiveDate};

use super::tree::{Arithmetic, DayExpr, FlagExpr, NumberExpr, TextExpr};
use crate::catalogue::{Column, Kind};
use crate::columns::{MISSING_DAY, MISSING_FLAG, MISSING_TEXT, Row};

/// Kleene's three truth values. In their order, "and" is the least and "or" the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// A value that it depends on is missing.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    fn of(known: Option<bool>) -> Self {
        match known {
            None => Self::Unknown,
            Some(false) => Self::False,
            Some(true) => Self::True,
        }
    }
}

pub(super) fn flag(expr: &FlagExpr, row: &Row<'_>) -> Truth {
    match expr {
        FlagExpr::Literal(value) => Truth::of(Some(*value)),
        FlagExpr::Feature(slot) => Truth::of(match row.flag(*slot) {
            MISSING_FLAG => None,
            flag => Some(flag == 1),
        }),
        FlagExpr::HasTag(tag) => Truth::of(Some(row.has_tag(*tag))),
        FlagExpr::Has(column) => Truth::of(Some(is_known(*column, row))),
        FlagExpr::Not(inner) => flag(inner, row).not(),
        FlagExpr::And(left, right) => match flag(left, row) {
            Truth::False => Truth::False,
            left => left.min(flag(right, row)),
        },
        FlagExpr::Or(left, right) => match flag(left, row) {
            Truth::True => Truth::True,
            left => left.max(flag(right, row)),
        },
        FlagExpr::If(test, then, or) => choose(test, row, || flag(then, row), || flag(or, row), Truth::Unknown),
        FlagExpr::Equal(left, right) => match (flag(left, row), flag(right, row)) {
            (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
            (left, right) => Truth::of(Some(left == right)),
        },
        // Partial order answers nothing when either is NaN, which is what unknown is.
        FlagExpr::CompareNumber(comparison, left, right) => {
            let ordering = number(left, row).partial_cmp(&number(right, row));
            Truth::of(ordering.map(|ordering| comparison.accepts(ordering)))
        }
        FlagExpr::CompareDay(comparison, left, right) => Truth::of(
            known_day(left, row).zip(known_day(right, row)).map(|(left, right)| comparison.accepts(left.cmp(&right))),
        ),
        FlagExpr::EqualText(left, right) => {
            Truth::of(known_text(left, row).zip(known_text(right, row)).map(|(left, right)| left == right))
        }
        FlagExpr::InNumber(value, list) => {
            let value = number(value, row);
            Truth::of((!value.is_nan()).then(|| list.contains(&value)))
        }
        FlagExpr::InDay(value, list) => Truth::of(known_day(value, row).map(|day| list.contains(&day))),
        FlagExpr::InText(value, list) => Truth::of(known_text(value, row).map(|code| list.contains(&code))),
        FlagExpr::StartsWith(value, start) => {
            Truth::of(known_text(value, row).map(|code| row.spelling(code).starts_with(start)))
        }
    }
}

fn number(expr: &NumberExpr, row: &Row<'_>) -> f64 {
    match expr {
        NumberExpr::Literal(value) => *value,
        NumberExpr::Feature(slot) => row.number(*slot),
        NumberExpr::Negate(inner) => -number(inner, row),
        NumberExpr::Reckon(operation, left, right) => reckon(*operation, number(left, row), number(right, row)),
        NumberExpr::If(test, then, or) => choose(test, row, || number(then, row), || number(or, row), f64::NAN),
        NumberExpr::DaysSince(since) => {
            known_day(since, row).map_or(f64::NAN, |since| (i64::from(row.today()) - i64::from(since)) as f64)
        }
        NumberExpr::YearsSince(since) => {
            known_day(since, row).and_then(|since| years_between(since, row.today())).map_or(f64::NAN, f64::from)
        }
    }
}

/// Overflow and division by zero are not numbers, so they are unknown.
pub(super) fn reckon(operation: Arithmetic, left: f64, right: f64) -> f64 {
    let value = match operation {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    };
    if value.is_finite() { value } else { f64::NAN }
}

fn day(expr: &DayExpr, row: &Row<'_>) -> i32 {
    match expr {
        DayExpr::Literal(value) => *value,
        DayExpr::Feature(slot) => row.day(*slot),
        DayExpr::If(test, then, or) => choose(test, row, || day(then, row), || day(or, row), MISSING_DAY),
    }
}

fn text(expr: &TextExpr, row: &Row<'_>) -> u32 {
    match expr {
        TextExpr::Literal(code) => *code,
        TextExpr::Feature(slot) => row.text(*slot),
        TextExpr::If(test, then, or) => choose(test, row, || text(then, row), || text(or, row), MISSING_TEXT),
    }
}

fn choose<T>(test: &FlagExpr, row: &Row<'_>, then: impl FnOnce() -> T, or: impl FnOnce() -> T, unknown: T) -> T {
    match flag(test, row) {
        Truth::True => then(),
        Truth::False => or(),
        Truth::Unknown => unknown,
    }
}

fn known_day(expr: &DayExpr, row: &Row<'_>) -> Option<i32> {
    Some(day(expr, row)).filter(|day| *day != MISSING_DAY)
}

fn known_text(expr: &TextExpr, row: &Row<'_>) -> Option<u32> {
    Some(text(expr, row)).filter(|code| *code != MISSING_TEXT)
}

fn is_known(column: Column, row: &Row<'_>) -> bool {
    match column.kind {
        Kind::Number => !row.number(column.slot).is_nan(),
        Kind::Text => row.text(column.slot) != MISSING_TEXT,
        Kind::Day => row.day(column.slot) != MISSING_DAY,
        Kind::Flag => row.flag(column.slot) != MISSING_FLAG,
    }
}

/// Whole years from one day to another, as people count age: one more on the birthday; 29 February turns on 1 March.
pub(super) fn years_between(since: i32, today: i32) -> Option<i32> {
    let (since, today) = (date(since)?, date(today)?);
    let before_birthday = (today.month(), today.day()) < (since.month(), since.day());
    Some(today.year() - since.year() - i32::from(before_birthday))
}

fn date(day: i32) -> Option<NaiveDate> {
    let (epoch, days) = (NaiveDate::default(), Days::new(u64::from(day.unsigned_abs())));
    if day < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) }
}
