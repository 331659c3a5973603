//! The typed tree of a checked rule: one enum a type, so that an ill-typed rule cannot be written down. Features are
//! column slots, texts and tags are codes.

use std::cmp::Ordering;

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
}

/// A day; `MISSING_DAY` = unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum DayExpr {
    Literal(i32),
    Feature(usize),
    If(Box<FlagExpr>, Box<DayExpr>, Box<DayExpr>),
}

/// A text's code; `MISSING_TEXT` = unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum TextExpr {
    Literal(u32),
    Feature(usize),
    If(Box<FlagExpr>, Box<TextExpr>, Box<TextExpr>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
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
}
