//! Filters over events: CEL text in, a small tree out, and whether an event passes. The `cel` crate parses; evaluation is
//! ours, because no event may be refused for a filter: what is missing or of another type is unknown, logic is Kleene's
//! (Introduction to Metamathematics, 1952, §64), and an event passes only if the filter is true as a whole.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use huan_chassis::clock::Day;
use huan_proto::{profile::v1 as pb, types::v1::value::Kind};

/// The longest filter, in bytes.
pub const MAX_BYTES: usize = 1024;

/// The most nodes that a filter's tree may have, which bounds its cost: each is visited once an event.
pub const MAX_NODES: usize = 60;

/// A filter that was parsed and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Expr,
    attributes: bool,
}

/// What a filter says, field by field.
#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Literal(Literal),
    Field(Field),
    Has(Field),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Literal>),
    StartsWith(Box<Expr>, String),
    Negate(Box<Expr>),
    Reckon(Arithmetic, Box<Expr>, Box<Expr>),
}

/// A field of an event.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Type,
    Source,
    Amount,
    Attribute(String),
}

/// A value that stands in the filter.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Number(f64),
    Text(String),
    Day(i32),
    Flag(bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A known value while an event is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Number(f64),
    Text(&'a str),
    Day(i32),
    Flag(bool),
}

impl Filter {
    /// Parses and checks a filter. Errors: everything that is wrong with it, each as a predicate.
    pub fn new(source: &str) -> Result<Self, Vec<String>> {
        let root = parse::parse(source)?;
        let attributes = root.reads_attributes();
        Ok(Self { root, attributes })
    }

    /// Whether an event passes.
    pub fn passes(&self, event: &pb::Event) -> bool {
        self.root.value(event) == Some(Value::Flag(true))
    }

    /// Whether it reads attributes of events, and not only what stands in the open.
    pub fn reads_attributes(&self) -> bool {
        self.attributes
    }
}

impl Expr {
    /// The value for one event; none = unknown.
    fn value<'a>(&'a self, event: &'a pb::Event) -> Option<Value<'a>> {
        match self {
            Self::Literal(literal) => Some(literal.value()),
            Self::Field(field) => field.value(event),
            Self::Has(field) => Some(Value::Flag(field.value(event).is_some())),
            Self::Not(inner) => inner.flag(event).map(|flag| Value::Flag(!flag)),
            Self::And(left, right) => match (left.flag(event), right.flag(event)) {
                (Some(false), _) | (_, Some(false)) => Some(Value::Flag(false)),
                (left, right) => left.and(right).map(Value::Flag),
            },
            Self::Or(left, right) => match (left.flag(event), right.flag(event)) {
                (Some(true), _) | (_, Some(true)) => Some(Value::Flag(true)),
                (left, right) => left.and(right).map(Value::Flag),
            },
            Self::Compare(comparison, left, right) => {
                compare(*comparison, left.value(event)?, right.value(event)?).map(Value::Flag)
            }
            Self::In(value, list) => {
                let value = value.value(event)?;
                Some(Value::Flag(list.iter().any(|literal| literal.value() == value)))
            }
            Self::StartsWith(text, start) => match text.value(event)? {
                Value::Text(text) => Some(Value::Flag(text.starts_with(start.as_str()))),
                _ => None,
            },
            Self::Negate(inner) => inner.number(event).map(|number| Value::Number(-number)),
            Self::Reckon(arithmetic, left, right) => reckon(*arithmetic, left.number(event)?, right.number(event)?),
        }
    }

    fn flag(&self, event: &pb::Event) -> Option<bool> {
        match self.value(event)? {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    fn number(&self, event: &pb::Event) -> Option<f64> {
        match self.value(event)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn reads_attributes(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Field(field) | Self::Has(field) => matches!(field, Field::Attribute(_)),
            Self::Not(one) | Self::Negate(one) | Self::In(one, _) | Self::StartsWith(one, _) => one.reads_attributes(),
            Self::And(one, other) | Self::Or(one, other) => one.reads_attributes() || other.reads_attributes(),
            Self::Compare(_, one, other) | Self::Reckon(_, one, other) => {
                one.reads_attributes() || other.reads_attributes()
            }
        }
    }
}

impl Field {
    fn value<'a>(&self, event: &'a pb::Event) -> Option<Value<'a>> {
        let name = match self {
            Self::Type => return Some(Value::Text(&event.r#type)),
            Self::Source => return Some(Value::Text(&event.source)),
            Self::Amount => return Some(Value::Number(event.amount_minor as f64)),
            Self::Attribute(name) => name,
        };
        Some(match event.attributes.get(name)?.kind.as_ref()? {
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(text) => Value::Text(text),
            Kind::Day(day) => Value::Day(day.parse::<Day>().ok()?.0),
            Kind::Flag(flag) => Value::Flag(*flag),
        })
    }
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text),
            Self::Day(day) => Value::Day(*day),
            Self::Flag(flag) => Value::Flag(*flag),
        }
    }
}

/// Compares two values of one type. Texts and flags have no order; unlike types are not comparable.
fn compare(comparison: Comparison, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    let equal_only = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(&right)?,
        (Value::Day(left), Value::Day(right)) => left.cmp(&right),
        (Value::Text(left), Value::Text(right)) if equal_only => left.cmp(right),
        (Value::Flag(left), Value::Flag(right)) if equal_only => left.cmp(&right),
        _ => return None,
    };
    Some(match comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::GreaterEqual => ordering != Ordering::Less,
    })
}

/// Overflow and division by zero are unknown.
fn reckon(arithmetic: Arithmetic, left: f64, right: f64) -> Option<Value<'static>> {
    let number = match arithmetic {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    };
    number.is_finite().then_some(Value::Number(number))
}
