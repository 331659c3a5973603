//! Between the contract and the tables: requests are read and checked here, and nowhere else; rows are put on the wire.

pub mod assignment;
pub mod change;
pub mod channel;
pub mod decision;
pub mod map;
pub mod objective;
pub mod product;
pub mod script;
pub mod strategy;
pub mod tenant;

use std::fmt::Display;

use huan_chassis::{Error, Result, check::Faults};

/// Notes a fault unless `min` ≤ `value` ≤ `max`.
fn between<T: PartialOrd + Display + Copy>(faults: &mut Faults, field: &str, value: T, min: T, max: T) -> T {
    if !(min..=max).contains(&value) {
        faults.add(field, format!("is not between {min} and {max}"));
    }
    value
}

/// Reads a name that may be empty.
fn optional_name(faults: &mut Faults, field: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { faults.name(field, value, 64) }
}

/// Reads the id of something that a request is about, and its other fields as they are.
pub fn id(field: &str, value: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id(field, value);
    faults.finish()?;
    Ok(id)
}

/// Reads a message that must be there. Errors: Invalid.
fn required<T>(field: &str, message: Option<T>) -> Result<T> {
    message.ok_or_else(|| Error::invalid(field, "is required"))
}
