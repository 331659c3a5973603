//! Cells: where a field's text comes from, and what becomes of it. Days, amounts and flags are read strictly, so that a
//! value is exact or a fault, and never a guess.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use huan_chassis::clock::Day;
use huan_proto::types::v1::{Value, value::Kind};
use serde::Deserialize;

/// Where a field's text comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The column.
    pub column: Option<String>,
    /// The same text for every row.
    pub constant: Option<String>,
    /// The text where the column has none.
    #[serde(default)]
    pub default: String,
    /// The text for each text of the column; without one that is listed, the row is at fault.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// What stands before the text.
    #[serde(default)]
    pub prefix: String,
    /// How days and times are written, in the words of strftime.
    pub format: Option<String>,
    /// What an attribute is: text, number, day or flag.
    pub r#as: Option<As>,
    /// Where the column is in the table; found when the table is opened.
    #[serde(skip)]
    pub place: Option<usize>,
}

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A day.
    Day,
    /// A flag.
    Flag,
}

impl Cell {
    /// The text of a row; empty = missing. Errors: what is wrong with it.
    pub fn text(&self, row: &[String], empty: &[String]) -> Result<String, String> {
        if let Some(constant) = &self.constant {
            return Ok(constant.clone());
        }
        let text = self.place.and_then(|place| row.get(place)).map_or("", |text| text.trim());
        let text = if empty.iter().any(|word| word == text) { self.default.as_str() } else { text };
        if text.is_empty() {
            return Ok(String::new());
        }
        let text = match self.map.is_empty() {
            true => text,
            false => self.map.get(text).ok_or("is not in the mapping's list of values")?,
        };
        Ok(format!("{}{text}", self.prefix))
    }

    /// A day as the contracts write it.
    pub fn day(&self, text: &str) -> Result<String, String> {
        let Some(format) = &self.format else {
            // A timestamp's day is that day.
            let day = text.get(..10).unwrap_or(text);
            return day.parse::<Day>().map(|day| day.to_string()).map_err(|fault| fault.to_string());
        };
        let day = NaiveDate::parse_from_str(text, format).map_err(|_| format!("is not a day written {format}"))?;
        day.format("%Y-%m-%d").to_string().parse::<Day>().map(|day| day.to_string()).map_err(|fault| fault.to_string())
    }

    /// A moment; without a format RFC 3339, a day's first moment in the zone where only a day is written.
    pub fn time(&self, text: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
        let local = |time: NaiveDateTime| {
            zone.from_local_datetime(&time).earliest().map(|time| time.with_timezone(&Utc)).ok_or("falls into a gap")
        };
        if let Some(format) = &self.format {
            if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
                return Ok(local(time)?);
            }
            return self.day(text).and_then(|day| start(&day, zone)).map_err(|_| format!("is not written {format}"));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(time.with_timezone(&Utc)),
            Err(_) if text.len() == 10 => start(text, zone),
            Err(_) => Err("is not a time such as 2024-06-15T12:00:00+08:00".to_owned()),
        }
    }

    /// An attribute.
    pub fn value(&self, text: &str) -> Result<Value, String> {
        let kind = match self.r#as.unwrap_or(As::Text) {
            As::Text => Kind::Text(text.to_owned()),
            As::Number => Kind::Number(number(text)?),
            As::Day => Kind::Day(self.day(text)?),
            As::Flag => Kind::Flag(flag(text)?),
        };
        Ok(Value { kind: Some(kind) })
    }
}

fn start(day: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
    day.parse::<Day>().map(|day| day.start(zone)).map_err(|fault| fault.to_string())
}

/// A finite number.
pub fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| number.is_finite()).ok_or_else(|| "is not a number".to_owned())
}

/// A flag, as banks write them.
pub fn flag(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "1" | "y" | "yes" | "t" | "true" | "是" => Ok(true),
        "0" | "n" | "no" | "f" | "false" | "否" => Ok(false),
        _ => Err("is not a flag such as Y or N".to_owned()),
    }
}

/// An amount in major units as minor ones: exact, or a fault.
pub fn minor(text: &str, exponent: u32) -> Result<i64, String> {
    let fault = || format!("is not an amount with at most {exponent} decimals");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > exponent as usize || !plain(whole) || !plain(part) {
        return Err(fault());
    }
    let digits = format!("{whole}{part:0<width$}", width = exponent as usize);
    let minor: i64 = digits.parse().map_err(|_| fault())?;
    Ok(sign * minor)
}

/// How many decimals a currency has (ISO 4217, table A.1; those in use that do not have two).
pub fn exponent(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_faults() {
        for (text, exponent, expected) in
            [("10", 2, 1000), ("-0.5", 2, -50), ("1.200", 2, 120), ("7", 0, 7), ("7.0", 0, 7), ("1.234", 3, 1234)]
        {
            assert_eq!(minor(text, exponent), Ok(expected), "{text}");
        }
        for text in ["", "1.234", "1,000", "1e3", ".5", "--1", "99999999999999999999", "NaN"] {
            assert!(minor(text, 2).is_err(), "{text}");
        }
    }

    #[test]
    fn days_and_times_follow_their_format_and_zone() {
        let cell = |format: Option<&str>| Cell { format: format.map(str::to_owned), ..Cell::default() };
        assert_eq!(cell(None).day("2024-02-29T00:00:00").unwrap(), "2024-02-29");
        assert_eq!(cell(Some("%Y%m%d")).day("20240229").unwrap(), "2024-02-29");
        assert!(cell(Some("%Y%m%d")).day("20230229").is_err());
        assert!(cell(Some("%d/%m/%Y")).day("01/01/1800").is_err());
        let zone = chrono_tz::Asia::Shanghai;
        for (format, text) in [(None, "2024-06-15T12:00:00+08:00"), (Some("%Y-%m-%d %H:%M:%S"), "2024-06-15 12:00:00")]
        {
            assert_eq!(cell(format).time(text, zone).unwrap().timestamp(), 1_718_424_000);
        }
        assert_eq!(cell(None).time("2024-06-15", zone).unwrap().timestamp(), 1_718_380_800);
        assert_eq!(cell(Some("%Y%m%d")).time("20240615", zone).unwrap().timestamp(), 1_718_380_800);
    }

    #[test]
    fn a_cell_is_trimmed_mapped_and_prefixed() {
        let map = [("01".to_owned(), "east".to_owned())].into();
        let cell = Cell { place: Some(0), map, prefix: "/hq/".to_owned(), ..Cell::default() };
        let text = |cell: &Cell, text: &str| cell.text(&[text.to_owned()], &[String::new(), "NULL".to_owned()]);
        assert_eq!(text(&cell, " 01 ").unwrap(), "/hq/east");
        assert_eq!(text(&cell, "NULL").unwrap(), "");
        assert!(text(&cell, "02").is_err());
        let cell = Cell { default: "01".to_owned(), ..cell };
        assert_eq!(text(&cell, "").unwrap(), "/hq/east");
    }
}
