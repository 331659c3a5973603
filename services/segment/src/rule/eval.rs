//! The value of a typed tree for one row. No failure: what cannot be reckoned is unknown. Only a text in other letters is
//! allocated.

use std::borrow::Cow;

pub(super) use super::calendar::years_between;
use super::tree::{Arithmetic, DayExpr, FlagExpr, NumberExpr, SpellingExpr, TextExpr};
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
    pub(super) fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    /// Whether both are true or both false.
    pub(super) fn same(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (one, other) => Self::of(Some(one == other)),
        }
    }

    pub(super) fn of(known: Option<bool>) -> Self {
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
        FlagExpr::Equal(left, right) => flag(left, row).same(flag(right, row)),
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
        FlagExpr::HasTagPrefix(start) => Truth::of(Some(row.any_tag(|tag| tag.starts_with(start.as_str())))),
        FlagExpr::Spelled(value, test) => Truth::of(spelling(value, row).map(|text| test.accepts(&text))),
        FlagExpr::EqualSpelling(left, right) => {
            Truth::of(spelling(left, row).zip(spelling(right, row)).map(|(left, right)| left == right))
        }
    }
}

pub(super) fn number(expr: &NumberExpr, row: &Row<'_>) -> f64 {
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
        NumberExpr::Remainder(left, right) => number(left, row) % number(right, row),
        NumberExpr::Absolute(inner) => number(inner, row).abs(),
        NumberExpr::Least(each) => extreme(each, row, f64::min),
        NumberExpr::Greatest(each) => extreme(each, row, f64::max),
        NumberExpr::Size(value) => spelling(value, row).map_or(f64::NAN, |text| text.chars().count() as f64),
        NumberExpr::Count(each) => count(each, row),
    }
}

/// NaN if one of them is, which `f64::min` and `f64::max` would pass over.
fn extreme(each: &[NumberExpr], row: &Row<'_>, choose: fn(f64, f64) -> f64) -> f64 {
    let numbers = each.iter().map(|each| number(each, row));
    let chosen =
        numbers.reduce(|one, other| if one.is_nan() || other.is_nan() { f64::NAN } else { choose(one, other) });
    chosen.unwrap_or(f64::NAN)
}

fn count(each: &[FlagExpr], row: &Row<'_>) -> f64 {
    each.iter()
        .try_fold(0.0, |count, each| match flag(each, row) {
            Truth::Unknown => None,
            Truth::False => Some(count),
            Truth::True => Some(count + 1.0),
        })
        .unwrap_or(f64::NAN)
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

pub(super) fn day(expr: &DayExpr, row: &Row<'_>) -> i32 {
    match expr {
        DayExpr::Feature(slot) => row.day(*slot),
        DayExpr::If(test, then, or) => choose(test, row, || day(then, row), || day(or, row), MISSING_DAY),
        fixed => fixed.on(row.today()).unwrap_or(MISSING_DAY),
    }
}

fn text(expr: &TextExpr, row: &Row<'_>) -> u32 {
    match expr {
        TextExpr::Literal(code) => *code,
        TextExpr::Feature(slot) => row.text(*slot),
        TextExpr::If(test, then, or) => choose(test, row, || text(then, row), || text(or, row), MISSING_TEXT),
    }
}

fn spelling<'a>(expr: &SpellingExpr, row: &Row<'a>) -> Option<Cow<'a, str>> {
    match expr {
        SpellingExpr::Text(text) => known_text(text, row).map(|code| Cow::Borrowed(row.spelling(code))),
        SpellingExpr::Lower(inner) => spelling(inner, row).map(|text| Cow::Owned(text.to_ascii_lowercase())),
        SpellingExpr::Upper(inner) => spelling(inner, row).map(|text| Cow::Owned(text.to_ascii_uppercase())),
        SpellingExpr::If(test, then, or) => choose(test, row, || spelling(then, row), || spelling(or, row), None),
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

pub(super) fn is_known(column: Column, row: &Row<'_>) -> bool {
    match column.kind {
        Kind::Number => !row.number(column.slot).is_nan(),
        Kind::Text => row.text(column.slot) != MISSING_TEXT,
        Kind::Day => row.day(column.slot) != MISSING_DAY,
        Kind::Flag => row.flag(column.slot) != MISSING_FLAG,
    }
}
