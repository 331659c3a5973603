//! Reading raw request fields: every reader checks one field and notes what is wrong with it, so that a request's
//! faults are all named at once. It never repeats a field's value.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::clock::{self, Day};
use crate::error::{Error, FieldFault, Result};

/// The most bytes an id may have.
pub const MAX_ID: usize = 64;

/// The faults found in a request so far. A reader answers with a stand-in where it finds a fault, so reading goes on
/// to the end; [`Faults::finish`] then refuses the request.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldFault>);

impl Faults {
    /// Begins with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault. Nested fields are written `customers[3].person.name`.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldFault { field: field.into(), description: description.into() });
    }

    /// Reads a required id: 1 to 64 printable bytes.
    pub fn id(&mut self, field: &str, value: &str) -> String {
        self.text(field, value, MAX_ID)
    }

    /// Reads a required text of at most `max` bytes without control characters.
    pub fn text(&mut self, field: &str, value: &str, max: usize) -> String {
        if value.is_empty() {
            self.add(field, "is required");
        }
        self.optional_text(field, value, max)
    }

    /// Reads a text that may be empty, of at most `max` bytes without control characters.
    pub fn optional_text(&mut self, field: &str, value: &str, max: usize) -> String {
        if value.len() > max {
            self.add(field, format!("is longer than {max} bytes"));
        } else if value.chars().any(char::is_control) {
            self.add(field, "holds control characters");
        } else {
            return value.to_owned();
        }
        String::new()
    }

    /// Reads a required name: 1 to `max` of `[a-z0-9_]`.
    pub fn name(&mut self, field: &str, value: &str, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.bytes().any(|b| !(b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')) {
            self.add(field, "holds other characters than a-z, 0-9 and _");
            return String::new();
        }
        text
    }

    /// Reads a required organisation path: "/", or "/"-led segments of `[a-z0-9_-]`, at most 256 bytes.
    pub fn path(&mut self, field: &str, value: &str) -> String {
        let text = self.text(field, value, 256);
        if text.is_empty() || is_path(&text) {
            return text;
        }
        self.add(field, "is not a path such as /hq/east");
        String::new()
    }

    /// Reads a required enum; its zero and numbers that it does not know are faults.
    pub fn enumeration<E: TryFrom<i32> + Default>(&mut self, field: &str, value: i32) -> E {
        match E::try_from(value) {
            Ok(known) if value != 0 => known,
            Ok(unset) => {
                self.add(field, "is required");
                unset
            }
            Err(_) => {
                self.add(field, "is not one of the known values");
                E::default()
            }
        }
    }

    /// Reads an enum that may be left unset; numbers that it does not know are faults.
    pub fn optional_enumeration<E: TryFrom<i32> + Default>(&mut self, field: &str, value: i32) -> E {
        E::try_from(value).unwrap_or_else(|_| {
            self.add(field, "is not one of the known values");
            E::default()
        })
    }

    /// Reads a required message.
    pub fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// Reads a required time.
    pub fn time(&mut self, field: &str, value: Option<&Timestamp>) -> DateTime<Utc> {
        if value.is_none() {
            self.add(field, "is required");
        }
        self.optional_time(field, value).unwrap_or_default()
    }

    /// Reads a time that may be unset.
    pub fn optional_time(&mut self, field: &str, value: Option<&Timestamp>) -> Option<DateTime<Utc>> {
        let time = clock::datetime(value?);
        if time.is_none() {
            self.add(field, "is no time");
        }
        time
    }

    /// Reads a required day, `YYYY-MM-DD`.
    pub fn day(&mut self, field: &str, value: &str) -> Day {
        if value.is_empty() {
            self.add(field, "is required");
        }
        self.optional_day(field, value).unwrap_or(Day(0))
    }

    /// Reads a day that may be empty.
    pub fn optional_day(&mut self, field: &str, value: &str) -> Option<Day> {
        if value.is_empty() {
            return None;
        }
        value.parse().map_err(|fault: clock::NotADay| self.add(field, fault.to_string())).ok()
    }

    /// Reads a probability: 0 to 1.
    pub fn probability(&mut self, field: &str, value: f64) -> f64 {
        if (0.0..=1.0).contains(&value) {
            return value;
        }
        self.add(field, "is not between 0 and 1");
        0.0
    }

    /// True if nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses the request if anything was wrong.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// The faults, in the order in which they were found.
    pub fn into_vec(self) -> Vec<FieldFault> {
        self.0
    }
}

/// True for "/" and for "/"-led, non-empty segments of `[a-z0-9_-]`.
pub fn is_path(text: &str) -> bool {
    let segment = |s: &str| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

#[cfg(test)]
mod tests {
    use huan_proto::profile::v1::CustomerType;

    use super::*;

    #[test]
    fn all_faults_are_named_at_once() {
        let mut faults = Faults::new();
        faults.id("customer_id", "");
        faults.text("name", "a\nb", 10);
        faults.optional_text("note", "abc", 2);
        faults.name("kind", "Loan", 32);
        faults.path("owner_path", "hq");
        faults.enumeration::<CustomerType>("type", 0);
        faults.enumeration::<CustomerType>("type", 99);
        faults.required::<()>("person", None);
        faults.time("time", None);
        faults.day("day", "2024-13-01");
        faults.probability("share", f64::NAN);
        let Err(Error::Invalid(found)) = faults.finish() else { panic!("passed") };
        let fields: Vec<_> = found.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            ["customer_id", "name", "note", "kind", "owner_path", "type", "type", "person", "time", "day", "share"]
        );
    }

    #[test]
    fn sound_fields_pass_unchanged() {
        let mut faults = Faults::new();
        assert_eq!(faults.id("id", "C-1"), "C-1");
        assert_eq!(faults.text("name", "张三", 10), "张三");
        assert_eq!(faults.name("kind", "standing_order", 32), "standing_order");
        assert_eq!(faults.path("path", "/hq/east-1"), "/hq/east-1");
        assert_eq!(faults.path("path", "/"), "/");
        assert_eq!(faults.enumeration::<CustomerType>("type", 1), CustomerType::Retail);
        assert_eq!(faults.optional_day("day", ""), None);
        assert_eq!(faults.day("day", "1970-01-02"), Day(1));
        assert_eq!(faults.optional_time("time", None), None);
        assert!(faults.is_empty() && faults.finish().is_ok());
    }

    #[test]
    fn a_path_has_no_empty_segment() {
        for path in ["", "hq", "//", "/hq/", "/HQ", "/a//b", "/a b"] {
            assert!(!is_path(path), "{path}");
        }
    }
}
