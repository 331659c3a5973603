//! A dataset's rows in memory, column by column, as training and measuring read them.

use std::collections::HashMap;

use chrono_tz::Tz;
use huan_chassis::clock::{self, Day};
use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, ValueType, value};

use super::prepare::Cell;

const MISSING: u32 = u32::MAX;

/// All rows of a dataset.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The features.
    pub features: Vec<pb::DatasetFeature>,
    /// Their values, in the same order.
    pub series: Vec<Series>,
    /// What came of each row.
    pub labels: Vec<bool>,
    /// How much each row counts.
    pub weights: Vec<f64>,
    /// Whether each row was treated.
    pub arms: Vec<pb::Arm>,
    /// When each outcome was known, in microseconds since the epoch.
    pub outcomes: Vec<i64>,
    codes: Vec<HashMap<String, u32>>,
}

/// The values of one feature.
#[derive(Clone, Debug)]
pub enum Series {
    /// Numbers, days since a day, flags as 0 or 1; NaN = missing.
    Numbers(Vec<f64>),
    /// Texts by code.
    Texts {
        /// A code a row; the largest there is = missing.
        codes: Vec<u32>,
        /// What the codes stand for.
        spellings: Vec<String>,
    },
}

impl Series {
    /// The value in a row.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Numbers(values) => Cell::of(values[row]),
            Self::Texts { codes, spellings } => {
                spellings.get(codes[row] as usize).map_or(Cell::Missing, |text| Cell::Text(text))
            }
        }
    }
}

impl Rows {
    /// A dataset of these features without rows.
    pub fn new(features: &[pb::DatasetFeature]) -> Self {
        let series = |feature: &pb::DatasetFeature| match feature.r#type() {
            ValueType::Text => Series::Texts { codes: Vec::new(), spellings: Vec::new() },
            _ => Series::Numbers(Vec::new()),
        };
        Self {
            features: features.to_vec(),
            series: features.iter().map(series).collect(),
            codes: vec![HashMap::new(); features.len()],
            ..Default::default()
        }
    }

    /// Adds a row, whose days are counted in this zone. What is not of its feature's type is missing.
    pub fn add(&mut self, row: &pb::LabelledRow, zone: Tz) {
        let today = row.as_of_time.as_ref().and_then(clock::datetime).map_or(Day(0), |time| Day::of(time, zone));
        for (at, series) in self.series.iter_mut().enumerate() {
            match (series, cell(row.values.get(at), today)) {
                (Series::Numbers(values), Cell::Number(value)) => values.push(value),
                (Series::Numbers(values), _) => values.push(f64::NAN),
                (Series::Texts { codes, spellings }, Cell::Text(text)) => {
                    codes.push(code(&mut self.codes[at], spellings, text));
                }
                (Series::Texts { codes, .. }, _) => codes.push(MISSING),
            }
        }
        self.labels.push(row.label);
        self.weights.push(if row.weight > 0.0 { row.weight } else { 1.0 });
        self.arms.push(row.arm());
        self.outcomes.push(row.outcome_time.as_ref().and_then(clock::datetime).map_or(0, clock::micros));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The feature of this name and its values.
    pub fn find(&self, name: &str) -> Option<(&pb::DatasetFeature, &Series)> {
        let at = self.features.iter().position(|feature| feature.name == name)?;
        Some((&self.features[at], &self.series[at]))
    }
}

/// A value as models see it on a day. A number that is not finite is missing.
pub fn cell(value: Option<&Value>, today: Day) -> Cell<'_> {
    match value.and_then(|value| value.kind.as_ref()) {
        None => Cell::Missing,
        Some(value::Kind::Number(number)) => Cell::of(*number),
        Some(value::Kind::Flag(flag)) => Cell::Number(f64::from(u8::from(*flag))),
        Some(value::Kind::Text(text)) => Cell::Text(text),
        Some(value::Kind::Day(day)) => day.parse::<Day>().map_or(Cell::Missing, |day| Cell::Number(days(day, today))),
    }
}

/// The days that have passed since a day.
pub fn days(since: Day, today: Day) -> f64 {
    f64::from(today.0) - f64::from(since.0)
}

fn code(codes: &mut HashMap<String, u32>, spellings: &mut Vec<String>, text: &str) -> u32 {
    if let Some(code) = codes.get(text) {
        return *code;
    }
    let code = spellings.len() as u32;
    spellings.push(text.to_owned());
    codes.insert(text.to_owned(), code);
    code
}
