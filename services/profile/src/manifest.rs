//! The manifest of a snapshot: what its files hold and how to know that they are whole. It is written last, so that a
//! folder without one is no snapshot.

use chrono::{DateTime, SecondsFormat, Utc};
use huan_proto::{profile::v1 as pb, types::v1::ValueType};
use serde::Serialize;

use crate::part::Table;

/// The file's name.
pub const FILE: &str = "manifest.json";

/// What a snapshot holds.
#[derive(Debug, Serialize)]
pub struct Manifest<'a> {
    /// The format of this file and of the parts.
    pub format: u32,
    /// The version that wrote it.
    pub engine_version: &'static str,
    /// The tenant.
    pub tenant: &'a str,
    /// The snapshot.
    pub snapshot_id: &'a str,
    /// Business time at which reading began; each row says its own, too.
    pub as_of: String,
    /// The feed position taken before reading: a watch from it on brings everything that the rows lack.
    pub feed_position: &'a str,
    /// Rows in all parts.
    pub row_count: i64,
    /// The columns that are features, in their order.
    pub features: Vec<Feature<'a>>,
    /// The parts, in the order of their rows.
    pub parts: Vec<Part>,
}

/// A column that is a feature.
#[derive(Debug, Serialize)]
pub struct Feature<'a> {
    /// Its number in the catalogue.
    pub number: u32,
    /// Its name.
    pub name: &'a str,
    /// Its column: its name, or `feature_<name>` where the files have a column of their own that is called so.
    pub column: &'a str,
    /// number, text, day or flag.
    pub r#type: &'static str,
    /// What it means.
    pub description: &'a str,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Its name, beside the manifest.
    pub file: String,
    /// Its rows.
    pub row_count: i64,
    /// Its bytes.
    pub byte_count: i64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// The name of a part's file.
pub fn part_file(part: i32) -> String {
    format!("part-{part:05}.parquet")
}

/// A time as manifests write it.
pub fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The features of a table.
pub fn features(table: &Table) -> Vec<Feature<'_>> {
    table.features.iter().zip(&table.names).map(feature).collect()
}

fn feature<'a>((feature, column): (&'a pb::Feature, &'a String)) -> Feature<'a> {
    let pb::Feature { number, name, description, .. } = feature;
    Feature { number: *number, name, column, r#type: word(feature.r#type()), description }
}

fn word(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Number => "number",
        ValueType::Day => "day",
        ValueType::Flag => "flag",
        ValueType::Text | ValueType::Unspecified => "text",
    }
}
