//! Datasets between the contract and the tables: what a dataset is of, and rows that fit it.

use std::collections::HashSet;

use huan_chassis::check::Faults;
use huan_chassis::clock::{self, Day};
use huan_chassis::{Error, FieldFault, Result};
use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, ValueType, value};
use prost::Message as _;

use crate::store::entity::dataset::Model;

const MAX_NAME: usize = 200;
const MAX_WORDS: usize = 2000;
const MAX_FEATURES: usize = 200;
const MAX_ROWS: usize = 10_000;
const MAX_TEXT: usize = 256;
const MAX_WEIGHT: f64 = 1e6;

/// Faults of rows that are named; who has more has one cause.
const MAX_FAULTS: usize = 100;

/// Reads the dataset to be created.
pub fn create_dataset(tenant: &str, maker: &str, request: pb::CreateDatasetRequest) -> Result<Model> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let asked = faults.required("dataset", request.dataset).unwrap_or_default();
    if asked.features.is_empty() || asked.features.len() > MAX_FEATURES {
        faults.add("dataset.features", format!("must be 1 to {MAX_FEATURES}"));
    }
    let mut seen = HashSet::new();
    for (at, feature) in asked.features.iter().enumerate().take(MAX_FEATURES) {
        let field = |name: &str| format!("dataset.features[{at}].{name}");
        faults.name(&field("name"), &feature.name, 64);
        faults.enumeration::<ValueType>(&field("type"), feature.r#type);
        if !seen.insert(feature.name.as_str()) {
            faults.add(field("name"), "is there twice");
        }
    }
    let dataset = pb::Dataset {
        dataset_id: faults.name("dataset.dataset_id", &asked.dataset_id, 64),
        display_name: faults.text("dataset.display_name", &asked.display_name, MAX_NAME),
        description: faults.optional_text("dataset.description", &asked.description, MAX_WORDS),
        features: asked.features,
        ..Default::default()
    };
    faults.finish().map(|()| Model {
        tenant: tenant.to_owned(),
        dataset_id: dataset.dataset_id.clone(),
        request_id,
        maker: maker.to_owned(),
        sealed: false,
        row_count: 0,
        positives: 0,
        treated: 0,
        control: 0,
        payload: dataset.encode_to_vec(),
    })
}

/// A dataset as it stands.
pub fn dataset(model: &Model) -> Result<pb::Dataset> {
    let described: pb::Dataset = crate::memory::decode(&model.payload)?;
    Ok(pb::Dataset {
        sealed: model.sealed,
        rows: model.row_count,
        positives: model.positives,
        maker: model.maker.clone(),
        ..described
    })
}

/// A customer's values as they stand: in the order of a dataset's features, with the time at which they were true.
pub type Standing = (Vec<Value>, i64);

/// Reads rows that fit the dataset's features. `standing` finds a customer's values; the numbers of customers go no further.
/// Errors: Invalid with the faults of the first rows.
pub fn rows(
    features: &[pb::DatasetFeature],
    request: pb::AddRowsRequest,
    standing: impl Fn(&str) -> Option<Standing>,
) -> Result<Vec<pb::LabelledRow>> {
    let mut faults = Faults::new();
    if request.rows.is_empty() || request.rows.len() > MAX_ROWS {
        faults.add("rows", format!("must be 1 to {MAX_ROWS}"));
    }
    if request.first_row < 0 {
        faults.add("first_row", "is below 0");
    }
    let each = request.rows.into_iter().enumerate().take(MAX_ROWS);
    let rows = each.map(|(at, row)| self::row(&mut faults, at, features, row, &standing)).collect();
    let mut found = faults.into_vec();
    found.truncate(MAX_FAULTS);
    if found.is_empty() { Ok(rows) } else { Err(Error::Invalid(found)) }
}

fn row(
    faults: &mut Faults,
    at: usize,
    features: &[pb::DatasetFeature],
    asked: pb::LabelledRow,
    standing: &impl Fn(&str) -> Option<Standing>,
) -> pb::LabelledRow {
    let field = |name: &str| format!("rows[{at}].{name}");
    let outcome = faults.time(&field("outcome_time"), asked.outcome_time.as_ref());
    faults.optional_enumeration::<pb::Arm>(&field("arm"), asked.arm);
    if !(0.0..=MAX_WEIGHT).contains(&asked.weight) {
        faults.add(field("weight"), format!("must be 0 to {MAX_WEIGHT}"));
    }
    let mut row = pb::LabelledRow { customer_id: String::new(), ..asked };
    if !asked.customer_id.is_empty() {
        if !row.values.is_empty() {
            faults.add(field("values"), "must be empty where a customer is named");
        }
        match standing(&asked.customer_id) {
            Some((values, as_of)) => {
                row.values = values;
                row.as_of_time = Some(clock::timestamp(clock::from_micros(as_of)));
            }
            None => faults.add(field("customer_id"), "is not known"),
        }
    } else if row.values.len() != features.len() {
        faults.add(field("values"), format!("must be {}, one a feature", features.len()));
    } else {
        let each = features.iter().zip(row.values.iter_mut()).enumerate();
        each.for_each(|(place, (feature, value))| check_value(faults, &field, place, feature, value));
    }
    let as_of = faults.time(&field("as_of_time"), row.as_of_time.as_ref());
    if as_of > outcome && row.as_of_times.is_empty() {
        faults.add(field("as_of_time"), "lies after outcome_time: the features would know what they are to foretell");
    }
    check_times(faults, &field, features, &row, outcome);
    row
}

/// A feature that was true only after the outcome is refused, unless it says so itself.
fn check_times(
    faults: &mut Faults,
    field: &impl Fn(&str) -> String,
    features: &[pb::DatasetFeature],
    row: &pb::LabelledRow,
    outcome: chrono::DateTime<chrono::Utc>,
) {
    if !row.as_of_times.is_empty() && row.as_of_times.len() != features.len() {
        faults.add(field("as_of_times"), format!("must be none or {}, one a feature", features.len()));
        return;
    }
    for (place, (feature, time)) in features.iter().zip(&row.as_of_times).enumerate() {
        let time = faults.time(&field(&format!("as_of_times[{place}]")), Some(time));
        if time > outcome && !feature.known_after_outcome {
            let words = format!("{} was known only after the outcome", feature.name);
            faults.add(field(&format!("as_of_times[{place}]")), words);
        }
    }
}

/// Holds a value to its feature's type; a number that is not finite becomes missing.
fn check_value(
    faults: &mut Faults,
    field: &impl Fn(&str) -> String,
    place: usize,
    feature: &pb::DatasetFeature,
    value: &mut Value,
) {
    let fault = match (&value.kind, feature.r#type()) {
        (None, _) | (Some(value::Kind::Flag(_)), ValueType::Flag) => None,
        (Some(value::Kind::Number(number)), ValueType::Number) => {
            if !number.is_finite() {
                value.kind = None;
            }
            None
        }
        (Some(value::Kind::Text(text)), ValueType::Text) => {
            (text.len() > MAX_TEXT).then(|| format!("is longer than {MAX_TEXT} bytes"))
        }
        (Some(value::Kind::Day(day)), ValueType::Day) => day.parse::<Day>().err().map(|fault| fault.to_string()),
        _ => Some(format!("is not of the type of {}", feature.name)),
    };
    if let Some(description) = fault {
        faults.add(field(&format!("values[{place}]")), description);
    }
}

/// Refuses customers' rows where the catalogue lacks a feature of the dataset.
pub fn lacking(features: &[&str]) -> Error {
    let description = format!("has features that the catalogue lacks, or has of another type: {}", features.join(", "));
    Error::Invalid(vec![FieldFault { field: "dataset_id".into(), description }])
}
