//! What a value is wished to be, whether one value can be all that is wished of it, and how far that is from what it is.

use std::cmp::Ordering;

use crate::catalogue::{Column, Kind};
use crate::columns::{MISSING_DAY, MISSING_FLAG, MISSING_TEXT, Row};
use crate::rule::calendar::birthday;
use crate::rule::clause::Read;
use crate::rule::place::Place;
use crate::rule::tree::{Comparison, DayExpr};

/// Stands for a text that is none of those named.
const OTHER_TEXT: u32 = MISSING_TEXT - 1;

/// Days over which a change of a day counts one half.
const YEAR: f64 = 365.0;

/// A value, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    /// Nothing is known.
    Missing,
    /// A number.
    Number(f64),
    /// A day.
    Day(i32),
    /// A text, by its code.
    Text(u32),
    /// A flag; of tags, whether the customer has it; of a comparison, what it says.
    Flag(bool),
}

/// What is wished of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// It is known, and stands so to the other.
    Compare(Comparison, Known),
    /// It is known.
    Known,
    /// It is missing.
    Missing,
}

/// Whose value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key {
    Feature(Column),
    Tag(u32),
    /// A comparison as a whole, by its address, with what it says now.
    Whole(usize, Known),
}

/// A wish, and the comparison that it is for.
#[derive(Clone)]
pub(super) struct Wish<'a> {
    pub rule: usize,
    pub place: &'a Place,
    pub read: Option<&'a Read>,
    pub key: Key,
    /// What the comparison would say.
    pub becomes: bool,
    pub test: Test,
    /// The day to compare with, which may move with the business day.
    pub moving: Option<&'a DayExpr>,
    /// How far it is, where the values do not tell.
    pub distance: Option<f64>,
}

/// A comparison that has to come out otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// The number of the rule that it is in.
    pub rule: usize,
    /// Where it stands.
    pub place: &'a Place,
    /// What it would say.
    pub becomes: bool,
    /// The one feature or tag that has to change; `None` if the comparison is of more.
    pub read: Option<&'a Read>,
    /// What is needed of it.
    pub test: Test,
    /// The nearest value that is all that is needed of it.
    pub value: Known,
    /// How far that is from the value of now, 0 to 1.
    pub distance: f64,
    /// The business day from which it comes out so by the mere passing of time.
    pub by_itself: Option<i32>,
}

/// The changes that fulfil all wishes, and their distance in all; `None` if some wishes cannot be fulfilled together.
pub(super) fn fulfil<'a>(wishes: &[Wish<'a>], row: &Row<'_>) -> Option<(Vec<Change<'a>>, f64)> {
    let (mut changes, mut sum) = (Vec::<Change<'a>>::new(), 0.0);
    for (at, first) in wishes.iter().enumerate() {
        if wishes[..at].iter().any(|before| before.key == first.key) {
            continue;
        }
        let same = || wishes[at..].iter().filter(|wish| wish.key == first.key);
        let now = now(first.key, row);
        let value = value_for(first.key, now, || same().map(|wish| wish.test), row)?;
        let distance = first.distance.unwrap_or_else(|| far(now, value));
        let open: Vec<_> = same().filter(|wish| !wish.test.accepts(now)).collect();
        for (nth, wish) in open.iter().enumerate() {
            if open[..nth].iter().all(|before| before.test != wish.test) {
                changes.push(change(wish, now, value, distance, row.today()));
            }
        }
        sum += if open.is_empty() { 0.0 } else { distance };
    }
    changes.sort_by_key(|change| (change.rule, change.place.line, change.place.column));
    Some((changes, sum))
}

fn change<'a>(wish: &Wish<'a>, now: Known, value: Known, distance: f64, today: i32) -> Change<'a> {
    Change {
        rule: wish.rule,
        place: wish.place,
        becomes: wish.becomes,
        read: wish.read,
        test: wish.test,
        value,
        distance,
        by_itself: wish.by_itself(now).filter(|day| *day > today),
    }
}

impl Wish<'_> {
    /// The day on which a known day is old enough.
    fn by_itself(&self, now: Known) -> Option<i32> {
        let (Test::Compare(comparison, _), Known::Day(day)) = (self.test, now) else {
            return None;
        };
        let day = match comparison {
            Comparison::LessEqual => day,
            Comparison::Less => day.checked_add(1)?,
            _ => return None,
        };
        match self.moving? {
            DayExpr::DaysAgo(days) => day.checked_add(*days),
            DayExpr::YearsAgo(years) => birthday(day, *years),
            _ => None,
        }
    }
}

fn now(key: Key, row: &Row<'_>) -> Known {
    match key {
        Key::Feature(Column { kind: Kind::Number, slot }) => Known::number(row.number(slot)),
        Key::Feature(Column { kind: Kind::Day, slot }) => Known::day(row.day(slot)),
        Key::Feature(Column { kind: Kind::Text, slot }) => match row.text(slot) {
            MISSING_TEXT => Known::Missing,
            code => Known::Text(code),
        },
        Key::Feature(Column { kind: Kind::Flag, slot }) => match row.flag(slot) {
            MISSING_FLAG => Known::Missing,
            flag => Known::Flag(flag == 1),
        },
        Key::Tag(tag) => Known::Flag(row.has_tag(tag)),
        Key::Whole(_, now) => now,
    }
}

/// The nearest value that passes all tests: the one of now, a bound, or what is next to a bound.
fn value_for<I: Iterator<Item = Test>>(key: Key, now: Known, tests: impl Fn() -> I, row: &Row<'_>) -> Option<Known> {
    let some = match key {
        Key::Feature(Column { kind: Kind::Number, .. }) => Known::Number(0.0),
        Key::Feature(Column { kind: Kind::Day, .. }) => Known::Day(row.today()),
        Key::Feature(Column { kind: Kind::Text, .. }) => Known::Text(OTHER_TEXT),
        _ => Known::Flag(true),
    };
    let bounds = tests().flat_map(|test| match test {
        Test::Compare(_, bound) => bound.and_next_to_it(),
        Test::Known | Test::Missing => [Known::Missing; 3],
    });
    let candidates = [now, some].into_iter().chain(bounds);
    let passing = candidates.filter(|value| value.is_possible() && tests().all(|test| test.accepts(*value)));
    passing.min_by(|one, other| far(now, *one).total_cmp(&far(now, *other)))
}

/// How far one value is from another, 0 to 1.
pub(super) fn far(now: Known, then: Known) -> f64 {
    match (now, then) {
        (one, other) if one == other => 0.0,
        (Known::Number(one), Known::Number(other)) => {
            // In units of the greater, so that neither the greatest nor the least numbers get lost.
            let unit = one.abs().max(other.abs());
            (one / unit - other / unit).abs() / (one.abs() / unit + other.abs() / unit)
        }
        (Known::Day(one), Known::Day(other)) => {
            let days = f64::from(one.abs_diff(other));
            days / (days + YEAR)
        }
        _ => 1.0,
    }
}

impl Known {
    pub(super) fn number(number: f64) -> Self {
        if number.is_nan() { Self::Missing } else { Self::Number(number) }
    }

    pub(super) fn day(day: i32) -> Self {
        if day == MISSING_DAY { Self::Missing } else { Self::Day(day) }
    }

    fn and_next_to_it(self) -> [Self; 3] {
        match self {
            Self::Number(number) => [self, Self::Number(number.next_down()), Self::Number(number.next_up())],
            Self::Day(day) => [self, Self::Day(day.saturating_sub(1)), Self::Day(day.saturating_add(1))],
            Self::Text(_) => [self, Self::Text(OTHER_TEXT), self],
            Self::Flag(flag) => [self, Self::Flag(!flag), self],
            Self::Missing => [self; 3],
        }
    }

    /// Values are finite: what is not is missing.
    fn is_possible(self) -> bool {
        !matches!(self, Self::Number(number) if !number.is_finite()) && self != Self::Day(MISSING_DAY)
    }

    /// Texts and flags have no order: what is not equal is less.
    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Missing, _) | (_, Self::Missing) => None,
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(&other),
            (Self::Day(one), Self::Day(other)) => Some(one.cmp(&other)),
            (one, other) => Some(if one == other { Ordering::Equal } else { Ordering::Less }),
        }
    }
}

impl Test {
    fn accepts(self, value: Known) -> bool {
        match self {
            Self::Compare(comparison, bound) => value.order(bound).is_some_and(|order| comparison.accepts(order)),
            Self::Known => value != Known::Missing,
            Self::Missing => value == Known::Missing,
        }
    }
}
