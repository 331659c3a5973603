//! Between wire and disk: the only place that reads raw request fields. One file a noun; here is what several share.

pub mod bulk;
pub mod company;
pub mod consent;
pub mod customer;
pub mod dead_letter;
pub mod envelope;
pub mod event;
pub mod event_type;
pub mod feature;
pub mod feed;
pub mod holding;
pub mod identity;
pub mod industry;
pub mod kyc;
pub mod relation;
pub mod merge;
pub mod profile;
pub mod snapshot;
pub mod rights;
pub mod tag;
pub mod tag_definition;
pub mod tenant;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use huan_chassis::{
    Error, FieldFault, Result,
    check::Faults,
    clock::{self, Day},
};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};

/// The most rows of a batch.
pub const MAX_ROWS: usize = 1000;

/// In a time column: never.
pub const NEVER: i64 = i64::MAX;

/// Refuses a batch that is empty or too large.
pub fn batch(field: &str, rows: usize) -> Result<()> {
    let fits = (1..=MAX_ROWS).contains(&rows);
    if fits { Ok(()) } else { Err(Error::invalid(field, format!("needs 1 to {MAX_ROWS} entries"))) }
}

/// Reads the customer_id of a request that names one customer.
pub fn customer_id(id: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id("customer_id", id);
    faults.finish().map(|()| id)
}

/// The fault of one row of a batch.
pub fn row_fault(index: usize, field: impl Into<String>, description: impl Into<String>) -> pb::RowFault {
    pb::RowFault { index: index as i32, field: field.into(), description: description.into() }
}

/// Keeps a row, or notes its first fault: one fault a refused row.
pub fn keep<T>(index: usize, faults: Faults, row: T, refused: &mut Vec<pb::RowFault>) -> Option<T> {
    match faults.into_vec().into_iter().next() {
        None => Some(row),
        Some(FieldFault { field, description }) => {
            refused.push(row_fault(index, field, description));
            None
        }
    }
}

/// Notes the rows whose key came before in the same batch, and keeps the others.
pub fn unique<T>(
    rows: Vec<(usize, T)>,
    key: impl Fn(&T) -> String,
    field: impl Fn(usize) -> String,
    refused: &mut Vec<pb::RowFault>,
) -> Vec<(usize, T)> {
    let mut seen = std::collections::HashSet::new();
    let (fresh, again): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| seen.insert(key(row)));
    refused.extend(again.into_iter().map(|(index, _)| row_fault(index, field(index), "comes twice in this request")));
    fresh
}

/// Reads typed attributes; one without a value is left out.
pub fn attributes(
    faults: &mut Faults,
    field: &str,
    values: HashMap<String, Value>,
    max: usize,
) -> HashMap<String, Value> {
    check_attributes(faults, field, &values, max);
    values.into_iter().filter(|(_, value)| value.kind.is_some()).collect()
}

/// Notes what is wrong with typed attributes.
pub fn check_attributes(faults: &mut Faults, field: &str, values: &HashMap<String, Value>, max: usize) {
    if values.len() > max {
        faults.add(field, format!("has more than {max} entries"));
    }
    for (name, value) in values {
        let name = faults.name(&format!("{field}.key"), name, 64);
        let field = format!("{field}.{name}");
        match &value.kind {
            Some(Kind::Number(number)) if !number.is_finite() => faults.add(field, "is not a finite number"),
            Some(Kind::Text(text)) => drop(faults.optional_text(&field, text, 256)),
            Some(Kind::Day(day)) => drop(faults.day(&field, day)),
            _ => {}
        }
    }
}

/// A day column as text; none = "".
pub fn day_text(day: Option<i32>) -> String {
    day.map(|day| Day(day).to_string()).unwrap_or_default()
}

/// A time column as a message; never = not set.
pub fn time_message(micros: i64) -> Option<prost_types::Timestamp> {
    (micros != NEVER).then(|| clock::timestamp(clock::from_micros(micros)))
}

/// A time as a column; none = never.
pub fn time_column(time: Option<DateTime<Utc>>) -> i64 {
    time.map_or(NEVER, clock::micros)
}
