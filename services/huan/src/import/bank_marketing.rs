//! UCI Bank Marketing (Moro, Cortez and Rita 2014): 41,188 telephone contacts of a bank, what was known of each before the
//! call, and whether a deposit was made after it. The contacts become a sealed dataset of segment that models learn from.
//! The file is ordered by date and has no dates: the times here are nominal.

use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::clock;
use huan_proto::segment::v1::{self as segment, dataset_service_client::DatasetServiceClient};
use huan_proto::types::v1::{Value, ValueType, value};

use super::report::{Faults, Ledger, Report, Sourced};
use super::table::{Row, Table, read};
use super::tenant::{Setting, ensure_tenant};
use crate::failure::Result;
use crate::load::{Door, Loaded};

/// The dataset's name.
pub const DATASET: &str = "bank_marketing";

const FILE: &str = "bank-additional-full.csv";
const TABLE: Table<'static> = Table {
    name: FILE,
    delimiter: ';',
    columns: &[
        "age",
        "job",
        "marital",
        "education",
        "default",
        "housing",
        "loan",
        "contact",
        "month",
        "day_of_week",
        "duration",
        "campaign",
        "pdays",
        "previous",
        "poutcome",
        "emp.var.rate",
        "cons.price.idx",
        "cons.conf.idx",
        "euribor3m",
        "nr.employed",
        "y",
    ],
};

const TEXTS: [&str; 10] =
    ["job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome"];

/// Known only once the call is over.
const LATE: &str = "duration";

/// What the file writes where a customer was never called before.
const NEVER: f64 = 999.0;

/// Rows of a page.
const PAGE: usize = 5000;

pub(super) async fn import(folder: &Path, door: &Door) -> Result<Report> {
    let started = Instant::now();
    let (mut faults, mut rows) = (Faults::default(), Vec::new());
    read(folder, &TABLE, &mut faults, |row, _| {
        rows.push(Sourced { item: contact(row, rows.len())?, file: FILE, line: row.line });
        Ok(())
    })?;
    let mut ledger = Ledger::new(started, faults);
    ensure_tenant(door, &setting()).await?;
    ledger.enter("contacts", &rows, load(door, &rows).await?);
    Ok(ledger.close(vec![
        "the file is ordered by date and has no dates: contacts are set half an hour apart from 2008-05-01".to_owned(),
        "duration is known only after the call: it is in the dataset, and no model learns from it".to_owned(),
    ]))
}

fn setting() -> Setting {
    Setting {
        display_name: "Bank Marketing: telephone contacts, 2008 to 2010",
        time_zone: "Europe/Lisbon",
        currency: "EUR",
        now: begin() + TimeDelta::days(915),
    }
}

fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_209_600_000, 0).unwrap_or_default()
}

/// Makes the dataset, fills it and seals it; one that is there already is left as it is.
async fn load(door: &Door, rows: &[Sourced<segment::LabelledRow>]) -> Result<Loaded> {
    let mut client = DatasetServiceClient::new(door.channel.clone());
    let request = segment::CreateDatasetRequest { request_id: format!("import-{DATASET}"), dataset: Some(dataset()) };
    let known = client.create_dataset(door.request(request)).await?.into_inner().dataset.unwrap_or_default().rows;
    for (number, page) in rows.chunks(PAGE).enumerate() {
        let request = segment::AddRowsRequest {
            dataset_id: DATASET.to_owned(),
            first_row: (number * PAGE) as i64,
            rows: page.iter().map(|row| row.item.clone()).collect(),
        };
        client.add_rows(door.request(request)).await?;
    }
    client.seal_dataset(door.request(segment::SealDatasetRequest { dataset_id: DATASET.to_owned() })).await?;
    let (sent, known) = (rows.len() as u64, known.unsigned_abs());
    Ok(Loaded { sent, new: sent.saturating_sub(known), known, ..Default::default() })
}

fn dataset() -> segment::Dataset {
    let feature = |column: &&str| segment::DatasetFeature {
        name: column.replace('.', "_"),
        r#type: if TEXTS.contains(column) { ValueType::Text } else { ValueType::Number }.into(),
        known_after_outcome: *column == LATE,
    };
    segment::Dataset {
        dataset_id: DATASET.to_owned(),
        display_name: "Telephone contacts of a bank".to_owned(),
        description: "UCI Bank Marketing, bank-additional-full: whether a term deposit followed a call".to_owned(),
        features: TABLE.columns.iter().filter(|column| **column != "y").map(feature).collect(),
        ..Default::default()
    }
}

/// Takes one row apart. `place` is its place among the rows, which stands for its time.
fn contact(row: &Row<'_>, place: usize) -> Result<segment::LabelledRow, String> {
    let label = match row.text("y") {
        "yes" => true,
        "no" => false,
        _ => return Err("y is neither yes nor no".to_owned()),
    };
    let value = |column: &&str| -> Result<Value, String> {
        if TEXTS.contains(column) {
            let text = row.text(column).to_owned();
            return Ok(Value { kind: Some(value::Kind::Text(text)).filter(|_| !row.text(column).is_empty()) });
        }
        let number = row.number(column)?;
        let is_known = *column != "pdays" || number != NEVER;
        Ok(Value { kind: is_known.then_some(value::Kind::Number(number)) })
    };
    let values = TABLE.columns.iter().filter(|column| **column != "y").map(value).collect::<Result<_, _>>()?;
    let time = Some(clock::timestamp(begin() + TimeDelta::minutes(30 * place as i64)));
    Ok(segment::LabelledRow { values, label, outcome_time: time, as_of_time: time, ..Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\"age\";\"job\";\"marital\";\"education\";\"default\";\"housing\";\"loan\";\"contact\";\
        \"month\";\"day_of_week\";\"duration\";\"campaign\";\"pdays\";\"previous\";\"poutcome\";\"emp.var.rate\";\
        \"cons.price.idx\";\"cons.conf.idx\";\"euribor3m\";\"nr.employed\";\"y\"";

    #[test]
    fn a_contact_becomes_a_row_and_never_called_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let row = "56;\"housemaid\";\"married\";\"basic.4y\";\"no\";\"no\";\"no\";\"telephone\";\"may\";\"mon\";261;1;\
            999;0;\"nonexistent\";1.1;93.994;-36.4;4.857;5191;\"no\"";
        let bad = row.replace("\"no\"\n", "").replacen("56", "old", 1);
        std::fs::write(folder.path().join(FILE), format!("{HEADER}\n{row}\n{bad}\n")).unwrap();
        let (mut rows, mut faults) = (Vec::new(), Faults::default());
        read(folder.path(), &TABLE, &mut faults, |row, _| {
            rows.push(contact(row, rows.len())?);
            Ok(())
        })
        .unwrap();
        assert_eq!((rows.len(), rows[0].values.len(), rows[0].label), (1, 20, false));
        assert_eq!(rows[0].values[0].kind, Some(value::Kind::Number(56.0)));
        assert_eq!(
            (rows[0].values[1].kind.clone(), &rows[0].values[12].kind),
            (Some(value::Kind::Text("housemaid".into())), &None)
        );
        assert_eq!(faults.first[0].to_string(), "bank-additional-full.csv:3: age is not a number");
        let late: Vec<_> = dataset().features.into_iter().filter(|feature| feature.known_after_outcome).collect();
        assert_eq!(late[0].name, "duration");
    }
}
