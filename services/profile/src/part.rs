//! A part of a snapshot: customers as typed columns, and those as a Parquet file in memory, in blocks. It reads no store
//! and writes to none.

use std::{io, sync::Arc};

use arrow_array::{RecordBatch, cast::AsArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use huan_proto::{profile::v1 as pb, types::v1::ValueType};
use object_store::{PutPayload, PutPayloadMut};
use parquet::{
    arrow::{
        ArrowWriter, ProjectionMask,
        arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector},
    },
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

mod columns;
mod wire;

pub use columns::{Columns, Row};

/// The values of a part, about 12 MB of numbers before they are compressed: one is filled while another is closed.
const PART_VALUES: usize = 6 * WRITE_VALUES;
/// The fewest and the most rows of a part.
const PART_ROWS: (usize, usize) = (4_096, 131_072);
/// The values that are read at once: half a millisecond's work.
const PAGE_VALUES: usize = 33_000;
/// The fewest and the most rows that are read at once.
const PAGE_ROWS: (usize, usize) = (50, 500);
/// The most rows that are read at once where that costs less.
const READ_ROWS: usize = 4_000;
/// The values that are written at once, 2 MB of numbers: what a column has seen so far is fetched into the processor's caches
/// for each time that something is added to it, which takes a third of the writing where it is done for each page.
const WRITE_VALUES: usize = 262_144;
/// Rows of a row group.
const GROUP_ROWS: usize = 32_768;
/// Bytes of a file that lie together: a file that grows is not copied.
const BLOCK: usize = 1 << 20;
/// Rows of a part that are read at once.
const BATCH_ROWS: usize = 1_024;
/// The column by which a row is found when its customer is forgotten.
const KEY: &str = "customer_key";
/// The columns that are no features. A feature of the same name gets another column.
const OWN: [&str; 6] = ["customer_id", KEY, "customer_type", "owner_path", "as_of", "tags"];

/// What the parts of one snapshot have in common.
#[derive(Clone, Debug)]
pub struct Table {
    /// The features in the order of their numbers.
    pub features: Vec<pb::Feature>,
    /// The name of each feature's column.
    pub names: Vec<String>,
    /// The columns.
    pub schema: SchemaRef,
    include_bank_numbers: bool,
}

impl Table {
    /// The table of these features, which ascend by number.
    pub fn new(features: Vec<pb::Feature>, include_bank_numbers: bool) -> Self {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let mut fields = Vec::with_capacity(features.len() + 6);
        fields.extend(include_bank_numbers.then(|| text("customer_id")));
        fields.extend([text(KEY), Field::new("customer_type", DataType::Utf8, true), text("owner_path")]);
        fields.push(Field::new("as_of", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true));
        let names: Vec<String> = features.iter().map(|feature| column(&feature.name, &features)).collect();
        let of_feature = |(feature, name): (&pb::Feature, &String)| Field::new(name, data_type(feature.r#type()), true);
        fields.extend(features.iter().zip(&names).map(of_feature));
        fields.push(Field::new_list("tags", Field::new_list_field(DataType::Utf8, true), false));
        Self { features, names, schema: Arc::new(Schema::new(fields)), include_bank_numbers }
    }

    /// The rows that are read at once, so that it takes no longer however many features there are.
    pub fn rows_a_page(&self) -> usize {
        (PAGE_VALUES / self.schema.fields().len()).clamp(PAGE_ROWS.0, PAGE_ROWS.1)
    }

    /// The rows that are read at once where reading costs less the more they are: as many as are written at once.
    pub fn rows_a_read(&self) -> usize {
        self.rows_a_write().clamp(PAGE_ROWS.0, READ_ROWS)
    }

    /// The rows that are written at once.
    pub fn rows_a_write(&self) -> usize {
        WRITE_VALUES / self.schema.fields().len()
    }

    /// The most rows of a part, so that a part fits into memory however many features there are.
    pub fn rows_a_part(&self) -> usize {
        (PART_VALUES / self.schema.fields().len()).clamp(PART_ROWS.0, PART_ROWS.1)
    }
}

/// A part that is being written, into memory.
#[derive(Debug)]
pub struct Part(ArrowWriter<File>);

impl Part {
    /// Begins a part. Errors: a schema that Parquet cannot hold.
    pub fn new(table: &Table) -> Result<Self, ParquetError> {
        Self::of(table.schema.clone())
    }

    fn of(schema: SchemaRef) -> Result<Self, ParquetError> {
        let file = File(PutPayloadMut::new().with_block_size(BLOCK));
        ArrowWriter::try_new(file, schema, Some(properties()?)).map(Self)
    }

    /// Adds customers, those of all pages at once.
    pub fn write(&mut self, pages: &[RecordBatch]) -> Result<(), ParquetError> {
        match pages {
            [] => Ok(()),
            [page] => self.0.write(page),
            [page, ..] => self.0.write(&concat_batches(&page.schema(), pages)?),
        }
    }

    /// The file.
    pub fn finish(self) -> Result<PutPayload, ParquetError> {
        self.0.into_inner().map(|File(blocks)| blocks.freeze())
    }
}

/// A file in blocks.
#[derive(Debug)]
struct File(PutPayloadMut);

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part's file without one customer; none if the customer is not in it.
pub fn without(file: &Bytes, customer_key: &str) -> Result<Option<PutPayload>, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone())?;
    let (schema, rows) = (builder.schema().clone(), builder.metadata().file_metadata().num_rows() as usize);
    let Some(place) = place(builder, customer_key)? else {
        return Ok(None);
    };
    let others = [RowSelector::select(place), RowSelector::skip(1), RowSelector::select(rows - place - 1)];
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())?;
    let reader = reader.with_row_selection(RowSelection::from(others.to_vec())).with_batch_size(BATCH_ROWS);
    let mut part = Part::of(schema)?;
    for batch in reader.build()? {
        part.write(&[batch?])?;
    }
    part.finish().map(Some)
}

fn place(builder: ParquetRecordBatchReaderBuilder<Bytes>, customer_key: &str) -> Result<Option<usize>, ParquetError> {
    let keys = ProjectionMask::columns(builder.parquet_schema(), [KEY]);
    let mut before = 0;
    for batch in builder.with_projection(keys).build()? {
        let batch = batch?;
        let found = batch.column(0).as_string::<i32>().iter().position(|key| key == Some(customer_key));
        if let Some(place) = found {
            return Ok(Some(before + place));
        }
        before += batch.num_rows();
    }
    Ok(None)
}

/// How parts are written: zstd, in row groups of bounded size.
fn properties() -> Result<WriterProperties, ParquetError> {
    let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
    Ok(WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(format!("huan {}", env!("CARGO_PKG_VERSION")))
        .build())
}

/// The column of a feature: its name, unless another column has that.
fn column(name: &str, features: &[pb::Feature]) -> String {
    let mut column = name.to_owned();
    while OWN.contains(&column.as_str()) || (column != name && features.iter().any(|other| other.name == column)) {
        column = format!("feature_{column}");
    }
    column
}

fn data_type(value_type: ValueType) -> DataType {
    match value_type {
        ValueType::Day => DataType::Date32,
        ValueType::Flag => DataType::Boolean,
        ValueType::Number => DataType::Float64,
        ValueType::Text | ValueType::Unspecified => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        Array,
        types::{Date32Type, Float64Type},
    };
    use huan_proto::types::v1::{Value, value::Kind};
    use prost::Message as _;

    use super::*;

    fn feature(number: u32, name: &str, value_type: ValueType) -> pb::Feature {
        pb::Feature { number, name: name.to_owned(), r#type: value_type.into(), ..Default::default() }
    }

    fn vector(values: &[(u32, Kind)]) -> pb::Vector {
        pb::Vector {
            features: values.iter().map(|(number, _)| *number).collect(),
            values: values.iter().map(|(_, kind)| Value { kind: Some(kind.clone()) }).collect(),
            tags: vec!["vip".to_owned()],
            as_of_time: Some(prost_types::Timestamp { seconds: 1, nanos: 5_000 }),
        }
    }

    fn file(table: &Table, vectors: &[pb::Vector]) -> Bytes {
        let vectors: Vec<Vec<u8>> = vectors.iter().map(pb::Vector::encode_to_vec).collect();
        let mut columns = Columns::new(table, vectors.len());
        for (index, vector) in vectors.iter().enumerate() {
            let (id, key) = (format!("C-{index}"), format!("key-{index}"));
            let row = Row { customer_id: &id, customer_key: &key, customer_type: 1, owner_path: "/hq", vector };
            columns.add(&row).unwrap();
        }
        let mut part = Part::new(table).unwrap();
        part.write(&[columns.finish().unwrap()]).unwrap();
        part.finish().unwrap().into()
    }

    fn read(file: &Bytes) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().with_batch_size(1 << 20);
        reader.build().unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn values_are_typed_and_what_is_missing_is_null() {
        let types = [(2, "n", ValueType::Number), (5, "t", ValueType::Text), (6, "d", ValueType::Day)];
        let features = types.map(|(number, name, value_type)| feature(number, name, value_type));
        let features = features.into_iter().chain([feature(9, "f", ValueType::Flag)]).collect();
        let full = vector(&[
            (1, Kind::Number(8.0)),
            (2, Kind::Number(0.5)),
            (5, Kind::Text("乙".to_owned())),
            (6, Kind::Day("1970-01-03".to_owned())),
            (9, Kind::Flag(true)),
        ]);
        let odd = vector(&[(2, Kind::Text("x".to_owned())), (9, Kind::Flag(false))]);
        let batch = read(&file(&Table::new(features, true), &[full, pb::Vector::default(), odd]));
        let column = |name: &str| batch.column_by_name(name).unwrap();
        assert_eq!(column("customer_id").as_string::<i32>().value(2), "C-2");
        let numbers = column("n").as_primitive::<Float64Type>();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(0.5), None, None]);
        assert_eq!(column("t").as_string::<i32>().iter().collect::<Vec<_>>(), [Some("乙"), None, None]);
        assert_eq!(column("d").as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), [Some(2), None, None]);
        assert_eq!(column("f").as_boolean().iter().collect::<Vec<_>>(), [Some(true), None, Some(false)]);
        assert_eq!(column("tags").as_list::<i32>().value(0).as_string::<i32>().value(0), "vip");
        assert!(column("as_of").is_null(1) && column("tags").as_list::<i32>().value(1).is_empty());
    }

    #[test]
    fn no_two_columns_have_one_name() {
        let names = ["customer_type", "feature_customer_type", "as_of", "n"];
        let numbered = (1..).zip(names).map(|(number, name)| feature(number, name, ValueType::Text));
        let table = Table::new(numbered.collect(), true);
        assert_eq!(table.names, ["feature_feature_customer_type", "feature_customer_type", "feature_as_of", "n"]);
        let mut columns: Vec<_> = table.schema.fields().iter().map(|field| field.name().clone()).collect();
        let all = columns.len();
        columns.sort();
        columns.dedup();
        assert_eq!(columns.len(), all);
    }

    #[test]
    fn a_part_forgets_one_customer_and_keeps_the_others() {
        let table = Table::new(vec![feature(1, "n", ValueType::Number)], false);
        let vectors: Vec<_> = (0..20_000).map(|n| vector(&[(1, Kind::Number(f64::from(n)))])).collect();
        let whole = file(&table, &vectors);
        assert!(without(&whole, "key-20000").unwrap().is_none());
        for gone in [0, 9_999, 19_999] {
            let rest = read(&without(&whole, &format!("key-{gone}")).unwrap().unwrap().into());
            let numbers = rest.column_by_name("n").unwrap().as_primitive::<Float64Type>();
            let expected: Vec<f64> = (0..20_000).filter(|n| *n != gone).map(f64::from).collect();
            assert_eq!(numbers.values().to_vec(), expected);
            assert!(rest.column_by_name("customer_id").is_none());
        }
    }
}
