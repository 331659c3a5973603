//! Customers as typed columns. What is missing is null, so that an absent number never reads as zero.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BooleanBuilder, Date32Builder, Float64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_schema::ArrowError;
use huan_chassis::clock::Day;
use huan_proto::{profile::v1 as pb, types::v1::ValueType};
use prost_types::Timestamp;

use super::{
    Table,
    wire::{Value, Vector},
};

/// One customer.
#[derive(Debug)]
pub struct Row<'a, 'v> {
    /// The bank's own number.
    pub customer_id: &'a str,
    /// The random key.
    pub customer_key: &'a str,
    /// `CustomerType`.
    pub customer_type: i32,
    /// The organisation path that owns the customer.
    pub owner_path: &'a str,
    /// The features: the bytes of a [`Vector`](pb::Vector).
    pub vector: &'v [u8],
}

/// Customers that become columns.
#[derive(Debug)]
pub struct Columns<'a> {
    table: &'a Table,
    ids: StringBuilder,
    keys: StringBuilder,
    types: StringBuilder,
    paths: StringBuilder,
    times: TimestampMicrosecondBuilder,
    features: Vec<Column>,
    tags: ListBuilder<StringBuilder>,
    /// The room that the next customer's vector is read into.
    room: Vector<'a>,
}

#[derive(Debug)]
enum Column {
    Number(Float64Builder),
    Text(StringBuilder),
    Day(Date32Builder),
    Flag(BooleanBuilder),
}

impl<'a> Columns<'a> {
    /// Columns for about so many rows.
    pub fn new(table: &'a Table, rows: usize) -> Self {
        Self {
            table,
            ids: StringBuilder::new(),
            keys: StringBuilder::new(),
            types: StringBuilder::new(),
            paths: StringBuilder::new(),
            times: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            features: table.features.iter().map(|feature| Column::new(feature.r#type(), rows)).collect(),
            tags: ListBuilder::new(StringBuilder::new()),
            room: Vector::default(),
        }
    }

    /// Adds a customer. None: the bytes of its features are none, and nothing was added.
    pub fn add(&mut self, row: &Row<'_, 'a>) -> Option<()> {
        let vector = &mut self.room;
        vector.read(row.vector)?;
        if self.table.include_bank_numbers {
            self.ids.append_value(row.customer_id);
        }
        self.keys.append_value(row.customer_key);
        let customer_type = pb::CustomerType::try_from(row.customer_type).unwrap_or_default();
        self.types.append_option(crate::vector::customer_type(customer_type));
        self.paths.append_value(row.owner_path);
        let micros = |time: &Timestamp| time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos) / 1_000);
        self.times.append_option(vector.as_of_time.as_ref().and_then(micros));
        // Both ascend by number.
        let mut values = vector.features.iter().zip(&vector.values).peekable();
        for (feature, column) in self.table.features.iter().zip(&mut self.features) {
            while values.next_if(|(number, _)| **number < feature.number).is_some() {}
            column.add(values.next_if(|(number, _)| **number == feature.number).and_then(|(_, value)| *value));
        }
        vector.tags.iter().for_each(|tag| self.tags.values().append_value(tag));
        self.tags.append(true);
        Some(())
    }

    /// The columns. Errors: the table's features are not those of its schema.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.table.schema.fields().len());
        if self.table.include_bank_numbers {
            arrays.push(Arc::new(self.ids.finish()));
        }
        arrays.extend([&mut self.keys, &mut self.types, &mut self.paths].map(|texts| Arc::new(texts.finish()) as _));
        arrays.push(Arc::new(self.times.finish()));
        arrays.extend(self.features.iter_mut().map(Column::finish));
        arrays.push(Arc::new(self.tags.finish()));
        RecordBatch::try_new(self.table.schema.clone(), arrays)
    }
}

impl Column {
    fn new(value_type: ValueType, rows: usize) -> Self {
        match value_type {
            ValueType::Number => Self::Number(Float64Builder::with_capacity(rows)),
            ValueType::Day => Self::Day(Date32Builder::with_capacity(rows)),
            ValueType::Flag => Self::Flag(BooleanBuilder::with_capacity(rows)),
            ValueType::Text | ValueType::Unspecified => Self::Text(StringBuilder::new()),
        }
    }

    /// Adds a value; one of another type is missing.
    fn add(&mut self, value: Option<Value<'_>>) {
        match (self, value) {
            (Self::Number(column), Some(Value::Number(number))) => column.append_value(number),
            (Self::Number(column), _) => column.append_null(),
            (Self::Text(column), Some(Value::Text(text))) => column.append_value(text),
            (Self::Text(column), _) => column.append_null(),
            (Self::Day(column), Some(Value::Day(day))) => column.append_option(day.parse().ok().map(|Day(day)| day)),
            (Self::Day(column), _) => column.append_null(),
            (Self::Flag(column), Some(Value::Flag(flag))) => column.append_value(flag),
            (Self::Flag(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Number(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
            Self::Day(column) => Arc::new(column.finish()),
            Self::Flag(column) => Arc::new(column.finish()),
        }
    }
}
