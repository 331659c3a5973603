//! Elapsed time is compared as a date: `days_since(d) > 90` is "d is before the business day less 90 days". So nothing
//! ages by itself: what such a comparison says changes with the day and the feature, and with nothing else.

use crate::rule::tree::{Comparison, DayExpr, FlagExpr, NumberExpr};

/// The most days or years that are compared as a date; what is further off is compared as a number.
const MAX_DAYS: f64 = 10_000_000.0;
const MAX_YEARS: f64 = 9_999.0;

/// A comparison of two numbers; of days where one side is elapsed time and the other is plain.
pub(super) fn compare(comparison: Comparison, left: NumberExpr, right: NumberExpr) -> FlagExpr {
    let elapsed = match (&left, &right) {
        (_, NumberExpr::Literal(number)) => elapsed(comparison, &left, *number),
        (NumberExpr::Literal(number), _) => elapsed(comparison.mirrored(), &right, *number),
        _ => None,
    };
    elapsed.unwrap_or(FlagExpr::CompareNumber(comparison, left, right))
}

fn elapsed(comparison: Comparison, side: &NumberExpr, number: f64) -> Option<FlagExpr> {
    let (day, most, ago): (_, _, fn(i32) -> DayExpr) = match side {
        NumberExpr::DaysSince(day) => (day, MAX_DAYS, DayExpr::DaysAgo),
        NumberExpr::YearsSince(day) => (day, MAX_YEARS, DayExpr::YearsAgo),
        _ => return None,
    };
    let whole = Whole::of(comparison, number, most)?;
    let at_least = |many| FlagExpr::CompareDay(Comparison::LessEqual, day.clone(), ago(many));
    let less_than = |many| FlagExpr::CompareDay(Comparison::Greater, day.clone(), ago(many));
    let equal = |many| match side {
        NumberExpr::DaysSince(_) => FlagExpr::CompareDay(Comparison::Equal, day.clone(), ago(many)),
        _ => FlagExpr::And(Box::new(at_least(many)), Box::new(less_than(many + 1))),
    };
    Some(match whole {
        Whole::AtLeast(many) => at_least(many),
        Whole::LessThan(many) => less_than(many),
        Whole::Equal(many) => equal(many),
        Whole::NotEqual(many) => FlagExpr::Not(Box::new(equal(many))),
    })
}

/// What a comparison with any number says of a whole one.
enum Whole {
    AtLeast(i32),
    LessThan(i32),
    Equal(i32),
    NotEqual(i32),
}

impl Whole {
    fn of(comparison: Comparison, number: f64, most: f64) -> Option<Self> {
        if number.abs() > most {
            return None;
        }
        let (down, up) = (number.floor() as i32, number.ceil() as i32);
        match comparison {
            Comparison::Greater => Some(Self::AtLeast(down + 1)),
            Comparison::GreaterEqual => Some(Self::AtLeast(up)),
            Comparison::Less => Some(Self::LessThan(up)),
            Comparison::LessEqual => Some(Self::LessThan(down + 1)),
            Comparison::Equal => (down == up).then_some(Self::Equal(down)),
            Comparison::NotEqual => (down == up).then_some(Self::NotEqual(down)),
        }
    }
}
