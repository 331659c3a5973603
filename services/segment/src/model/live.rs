//! A tenant's live versions, bound to the columns of its catalogue: what scores a row in memory.

use std::sync::Arc;

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, ValueType};

use super::compare::{self, Held, OTHERS};
use super::explain::{Explained, explain};
use super::measure::DriftMeter;
use super::prepare::Cell;
use super::rows::days;
use super::score::Fitted;
use crate::catalogue::{Catalogue, Column, Kind};
use crate::columns::{MISSING_DAY, MISSING_FLAG, MISSING_TEXT, Row, Snapshot};

/// What draws the orders in which an imported model's features change places.
const SEED: u64 = 1;

/// One version as it scores.
#[derive(Clone)]
pub struct Version {
    /// The model.
    pub model_id: String,
    /// The version.
    pub version: i64,
    /// What it is used for.
    pub stage: pb::Stage,
    /// What scores; `None` if what was kept cannot be read.
    pub fitted: Option<Arc<Fitted>>,
}

/// All live versions, in the order of model and version.
#[derive(Default)]
pub struct Models {
    /// The revision of the definitions that they were read after.
    pub revision: i64,
    bound: Vec<Bound>,
}

/// A version and the column of each of its inputs; `None` where the catalogue has no such feature of that type.
#[derive(Clone)]
struct Bound {
    version: Version,
    columns: Vec<Option<Column>>,
}

impl Models {
    /// Binds versions to a catalogue.
    pub fn new(revision: i64, mut versions: Vec<Version>, catalogue: &Catalogue) -> Self {
        versions.sort_by(|left, right| (&left.model_id, left.version).cmp(&(&right.model_id, right.version)));
        Self { revision, bound: versions.into_iter().map(|version| Bound::new(version, catalogue)).collect() }
    }

    /// Binds the same versions to another catalogue.
    pub fn bind(&self, catalogue: &Catalogue) -> Self {
        Self::new(self.revision, self.versions().cloned().collect(), catalogue)
    }

    /// The versions.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.bound.iter().map(|bound| &bound.version)
    }

    /// The live version of this number.
    pub fn find(&self, model_id: &str, version: i64) -> Option<&Version> {
        self.versions().find(|known| known.model_id == model_id && known.version == version)
    }

    /// A row's scores by all versions.
    pub fn scores(&self, row: &Row<'_>) -> Vec<pb::Score> {
        let mut scratch = Vec::new();
        self.bound.iter().map(|bound| bound.score(row, &mut scratch)).collect()
    }

    /// Explains a row's score by a version, or by the champion if `version` is 0. `None`: there is no such live version.
    pub fn explain(&self, model_id: &str, version: i64, row: &Row<'_>) -> Option<Reasons> {
        let named = |bound: &&Bound| match version {
            0 => bound.version.stage == pb::Stage::Champion,
            version => bound.version.version == version,
        };
        self.bound.iter().filter(|bound| bound.version.model_id == model_id).find(named).map(|bound| bound.explain(row))
    }
}

/// Measures how far all customers are from the rows that a version learned from. Errors: an input that the catalogue does not
/// have, or a version that cannot be read, in words.
pub fn drift(version: &Version, catalogue: &Catalogue, rows: &Snapshot, today: Day) -> Result<pb::ModelDrift, String> {
    let bound = Bound::new(version.clone(), catalogue);
    let fitted = version.fitted.as_ref().ok_or("unreadable")?;
    bound.fit(fitted)?;
    let (mut meter, mut scratch) = (DriftMeter::new(fitted), Vec::new());
    for (_, row) in rows.rows(today) {
        let cell = |input: usize| bound.cell(&row, input);
        let score = fitted.score(cell, &mut scratch).ok();
        meter.add(cell, score);
    }
    Ok(meter.finish())
}

/// A score, what explains it if anything does, and the inputs with their values.
pub struct Reasons {
    /// The score.
    pub score: pb::Score,
    /// `None`: there is no score, or the model is imported.
    pub explained: Option<Explained>,
    /// What is to explain the score of an imported model.
    pub imported: Option<Imported>,
    /// What the inputs are.
    pub inputs: Vec<(String, Value)>,
}

/// A row that an imported version scores.
pub struct Imported {
    bound: Bound,
    row: Vec<Held>,
}

impl Imported {
    /// Explains the score beside those of some customers, who are drawn evenly. It takes a thousand scorings or more: call
    /// it off the async threads. Errors: none of these has a score, or a mixture has none, in words.
    pub fn explain(&self, rows: &Snapshot, today: Day) -> Result<Explained, String> {
        let fitted = self.bound.version.fitted.as_ref().ok_or("unreadable")?;
        let every = (rows.population as usize).div_ceil(OTHERS).max(1);
        let mut scratch = Vec::new();
        let drawn = rows.rows(today).step_by(every).map(|(_, row)| row);
        let scored = drawn.filter(|row| fitted.score(|input| self.bound.cell(row, input), &mut scratch).is_ok());
        let others: Vec<Vec<Held>> = scored.map(|row| self.bound.held(&row)).collect();
        if others.is_empty() {
            return Err("without other scores to compare it with".into());
        }
        compare::explain(fitted, &self.row, &others, SEED).map_err(|why| fitted.words(&why))
    }
}

impl Bound {
    fn new(version: Version, catalogue: &Catalogue) -> Self {
        let column = |(name, r#type): &(String, ValueType)| {
            catalogue.find(name).map(|feature| feature.column).filter(|column| is_of(column.kind, *r#type))
        };
        let columns = version.fitted.iter().flat_map(|fitted| fitted.inputs.iter().map(column)).collect();
        Self { version, columns }
    }

    fn score(&self, row: &Row<'_>, scratch: &mut Vec<f64>) -> pb::Score {
        let Version { model_id, version, stage, fitted } = &self.version;
        let scored = match fitted {
            None => Err("the version cannot be read".to_owned()),
            Some(fitted) => self
                .fit(fitted)
                .and_then(|()| fitted.score(|input| self.cell(row, input), scratch).map_err(|why| fitted.words(&why))),
        };
        let (value, missing_reason) = match scored {
            Ok(value) => (Some(value), String::new()),
            Err(why) => (None, why),
        };
        pb::Score { model_id: model_id.clone(), version: *version, stage: (*stage).into(), value, missing_reason }
    }

    /// Errors: an input that the catalogue does not have, in words.
    fn fit(&self, fitted: &Fitted) -> Result<(), String> {
        let lost = self.columns.iter().position(Option::is_none);
        lost.map_or(Ok(()), |at| Err(format!("the catalogue has no {} of the model's type", fitted.inputs[at].0)))
    }

    fn cell<'a>(&self, row: &Row<'a>, input: usize) -> Cell<'a> {
        self.columns[input].map_or(Cell::Missing, |column| cell(row, column))
    }

    fn held(&self, row: &Row<'_>) -> Vec<Held> {
        (0..self.columns.len()).map(|input| Held::of(self.cell(row, input))).collect()
    }

    fn explain(&self, row: &Row<'_>) -> Reasons {
        let score = self.score(row, &mut Vec::new());
        let (mut explained, mut imported, mut inputs) = (None, None, Vec::new());
        if let Some(fitted) = self.version.fitted.as_ref().filter(|_| score.value.is_some()) {
            if fitted.is_imported() {
                imported = Some(Imported { bound: self.clone(), row: self.held(row) });
            }
            explained = explain(fitted, |input| self.cell(row, input)).unwrap_or_default();
            let value = |column: &Option<Column>| column.map(|column| row.value(column)).unwrap_or_default();
            inputs = fitted.inputs.iter().map(|(name, _)| name.clone()).zip(self.columns.iter().map(value)).collect();
        }
        Reasons { score, explained, imported, inputs }
    }
}

/// A value of a row as models see it.
pub fn cell<'a>(row: &Row<'a>, column: Column) -> Cell<'a> {
    match column.kind {
        Kind::Number => Cell::of(row.number(column.slot)),
        Kind::Text => match row.text(column.slot) {
            MISSING_TEXT => Cell::Missing,
            code => Cell::Text(row.spelling(code)),
        },
        Kind::Day => match row.day(column.slot) {
            MISSING_DAY => Cell::Missing,
            day => Cell::Number(days(Day(day), Day(row.today()))),
        },
        Kind::Flag => match row.flag(column.slot) {
            MISSING_FLAG => Cell::Missing,
            flag => Cell::Number(f64::from(flag)),
        },
    }
}

/// Whether a column holds values of this type.
pub fn is_of(kind: Kind, r#type: ValueType) -> bool {
    matches!(
        (kind, r#type),
        (Kind::Number, ValueType::Number)
            | (Kind::Text, ValueType::Text)
            | (Kind::Day, ValueType::Day)
            | (Kind::Flag, ValueType::Flag)
    )
}
