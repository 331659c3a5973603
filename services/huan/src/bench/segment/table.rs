//! The table of customers that the peers made, and the same in the columns of the segment service.

use std::{fs::File, path::Path, sync::Arc};

use arrow_array::types::Float64Type;
use huan_chassis::clock::Day;
use huan_proto::{
    profile::v1 as profile,
    types::v1::{Value, ValueType, value::Kind},
};
use huan_segment::{
    catalogue::Catalogue,
    columns::{Columns, Customer},
    live::{Draft, Live},
    store::{definition::Definitions, entity::segment},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use crate::failure::{Failure, Result};

/// Features of all customers, as they lie in the file.
pub struct Table {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

/// A rule as the peers wrote it.
#[derive(Debug, Deserialize)]
struct Rule {
    name: String,
    cel: String,
}

impl Table {
    /// Reads a file; its column `id` is none of the features.
    ///
    /// # Errors
    /// If it is no Parquet, or a column holds no numbers.
    pub fn read(file: &Path) -> Result<Self> {
        let failed = |error: String| Failure::new(format!("{}: {error}", file.display()));
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(File::open(file)?).map_err(|error| failed(error.to_string()))?;
        let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut columns = vec![Vec::new(); names.len()];
        for batch in builder.build().map_err(|error| failed(error.to_string()))? {
            let batch = batch.map_err(|error| failed(error.to_string()))?;
            for (column, from) in columns.iter_mut().zip(batch.columns()) {
                let numbers = arrow_cast::cast(from, &arrow_schema::DataType::Float64);
                let numbers = numbers.map_err(|error| failed(error.to_string()))?;
                column.extend_from_slice(arrow_array::cast::AsArray::as_primitive::<Float64Type>(&numbers).values());
            }
        }
        let (names, columns) = names.into_iter().zip(columns).filter(|(name, _)| name != "id").unzip();
        Ok(Self { names, columns })
    }

    /// How many features there are.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// How many customers there are.
    pub fn rows(&self) -> u32 {
        self.columns.first().map_or(0, Vec::len) as u32
    }

    /// The catalogue of its features.
    pub fn catalogue(&self) -> Catalogue {
        let feature = |(number, name): (u32, &String)| profile::Feature {
            number,
            name: name.clone(),
            r#type: ValueType::Number.into(),
            ..Default::default()
        };
        Catalogue::of(&(1..).zip(&self.names).map(feature).collect::<Vec<_>>())
    }

    /// Puts customers with the features of the table's rows; after its last row comes its first again.
    pub fn fill(&self, columns: &mut Columns, customers: std::ops::Range<u32>) {
        let catalogue = self.catalogue();
        customers.for_each(|ordinal| self.put(columns, &catalogue, ordinal, |_| ordinal));
    }

    /// Puts one customer; each feature is that of a row.
    pub fn put(&self, columns: &mut Columns, catalogue: &Catalogue, ordinal: u32, row: impl Fn(u32) -> u32) {
        let value = |(feature, column): (u32, &Vec<f64>)| {
            let number = column[(row(feature) % self.rows()) as usize];
            Value { kind: Some(Kind::Number(number)) }
        };
        let vector = profile::Vector {
            features: (1..=self.width() as u32).collect(),
            values: (0..).zip(&self.columns).map(value).collect(),
            ..Default::default()
        };
        let customer_id = format!("{ordinal:010}");
        let customer_key = format!("{:032x}", u128::from(ordinal).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced));
        let customer = Customer {
            customer_id: &customer_id,
            customer_key: &customer_key,
            owner_path: "/hq/east",
            as_of: 1_718_424_000_000_000,
        };
        columns.put(catalogue, ordinal, customer, &vector);
    }
}

/// The business day, on which nothing here depends.
pub const TODAY: Day = Day(20_000);

/// The peers' rules, checked and live, in their order.
///
/// # Errors
/// If the file is not theirs or a rule has faults.
pub fn live(file: &Path, catalogue: &Catalogue, columns: &mut Columns) -> Result<Arc<Live>> {
    let rules: Vec<Rule> =
        serde_json::from_slice(&std::fs::read(file)?).map_err(|error| Failure::new(error.to_string()))?;
    for rule in &rules {
        let checked = huan_segment::rule::Rule::new(&rule.cel, catalogue, columns.names_mut());
        checked.map_err(|faults| Failure::new(format!("{}: {faults:?}", rule.name)))?;
    }
    let segment = |rule: Rule| segment::Model {
        tenant: "bench".to_owned(),
        request_id: rule.name.clone(),
        display_name: rule.name.clone(),
        segment_id: rule.name,
        rule: rule.cel,
        revision: 1,
    };
    let segments = rules.into_iter().map(segment).collect();
    let draft = Draft::new(Definitions { revision: 1, segments, ..Default::default() });
    Ok(Arc::new(draft.compile(catalogue, columns.names_mut())))
}
