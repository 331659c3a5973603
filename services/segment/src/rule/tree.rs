//! The typed tree of a checked rule: one enum a type, so that an ill-typed rule cannot be written down. Features are
//! column slots, texts and tags are codes.

use std::cmp::Ordering;

use super::calendar::years_before;
use super::pattern::Pattern;
use crate::catalogue::Column;

/// What is true, false or unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum FlagExpr {
    Literal(bool),
    Feature(usize),
    HasTag(u32),
    /// Whether a feature has a value; never unknown.
    Has(Column),
    Not(Box<FlagExpr>),
    And(Box<FlagExpr>, Box<FlagExpr>),
    Or(Box<FlagExpr>, Box<FlagExpr>),
    If(Box<FlagExpr>, Box<FlagExpr>, Box<FlagExpr>),
    Equal(Box<FlagExpr>, Box<FlagExpr>),
    CompareNumber(Comparison, NumberExpr, NumberExpr),
    CompareDay(Comparison, DayExpr, DayExpr),
    /// Only equality: texts have no order.
    EqualText(TextExpr, TextExpr),
    InNumber(NumberExpr, Vec<f64>),
    InDay(DayExpr, Vec<i32>),
    InText(TextExpr, Vec<u32>),
    StartsWith(TextExpr, String),
    /// Whether a tag begins so; never unknown.
    HasTagPrefix(String),
    /// A test of how a text is spelled.
    Spelled(SpellingExpr, TextTest),
    EqualSpelling(SpellingExpr, SpellingExpr),
}

/// A number; NaN = unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberExpr {
    Literal(f64),
    Feature(usize),
    Negate(Box<NumberExpr>),
    Reckon(Arithmetic, Box<NumberExpr>, Box<NumberExpr>),
    If(Box<FlagExpr>, Box<NumberExpr>, Box<NumberExpr>),
    DaysSince(DayExpr),
    YearsSince(DayExpr),
    /// What is left of a division, with the sign of the first.
    Remainder(Box<NumberExpr>, Box<NumberExpr>),
    Absolute(Box<NumberExpr>),
    /// The least of one or more; unknown if one is.
    Least(Vec<NumberExpr>),
    /// The greatest of one or more; unknown if one is.
    Greatest(Vec<NumberExpr>),
    /// Characters of a text.
    Size(SpellingExpr),
    /// How many are true; unknown if one is.
    Count(Vec<FlagExpr>),
}

/// A day; `MISSING_DAY` = unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum DayExpr {
    Literal(i32),
    Feature(usize),
    If(Box<FlagExpr>, Box<DayExpr>, Box<DayExpr>),
    /// The business day less so many days.
    DaysAgo(i32),
    /// The business day so many years before; 28 February where 29 February is no day.
    YearsAgo(i32),
}

/// A text's code; `MISSING_TEXT` = unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum TextExpr {
    Literal(u32),
    Feature(usize),
    If(Box<FlagExpr>, Box<TextExpr>, Box<TextExpr>),
}

/// A text that may be spelled as no customer's is, and so have no code.
#[derive(Clone, Debug, PartialEq)]
pub enum SpellingExpr {
    Text(TextExpr),
    Lower(Box<SpellingExpr>),
    Upper(Box<SpellingExpr>),
    If(Box<FlagExpr>, Box<SpellingExpr>, Box<SpellingExpr>),
}

/// What a spelling may be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTest {
    Equals(String),
    In(Vec<String>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Matches(Pattern),
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Not the same.
    NotEqual,
    /// The first is less, or the earlier day.
    Less,
    /// The first is less, or the same.
    LessEqual,
    /// The first is greater, or the later day.
    Greater,
    /// The first is greater, or the same.
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Comparison {
    /// Whether it holds of two values in this order.
    pub fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }

    /// The same with its sides changed over: `a < b` is `b > a`.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }

    /// What holds exactly where this does not, both sides being known.
    pub fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }
}

impl DayExpr {
    /// The day that it is for everybody on a business day; `None` if it is not the same for everybody, or is no day.
    pub fn on(&self, today: i32) -> Option<i32> {
        match self {
            Self::Literal(day) => Some(*day),
            Self::DaysAgo(days) => today.checked_sub(*days),
            Self::YearsAgo(years) => years_before(today, *years),
            Self::Feature(_) | Self::If(..) => None,
        }
    }
}

impl TextTest {
    pub fn accepts(&self, spelling: &str) -> bool {
        match self {
            Self::Equals(text) => spelling == text,
            Self::In(texts) => texts.iter().any(|text| spelling == text),
            Self::StartsWith(start) => spelling.starts_with(start),
            Self::EndsWith(end) => spelling.ends_with(end),
            Self::Contains(part) => spelling.contains(part),
            Self::Matches(pattern) => pattern.is_match(spelling),
        }
    }
}
