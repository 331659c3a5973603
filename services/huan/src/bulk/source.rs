//! Tables in files, read row by row as texts: CSV with a header, plain or as `.zst`, and Parquet. A row that cannot be read
//! is a fault of its own; a file that cannot be read on ends the load, which goes on there once it can be.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use csv::ByteRecord;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};

/// Rows of a Parquet file that become texts at once.
const PAGE: usize = 1000;

/// A table that is being read.
pub struct Source {
    /// The columns' names.
    pub header: Vec<String>,
    /// The rows, each with a text for every column.
    pub rows: Box<dyn Iterator<Item = Result<Vec<String>, Bad>> + Send>,
    /// How much of it was read, and how much there is, in bytes or in rows.
    pub meter: Meter,
}

/// How much was read. Clones share it.
#[derive(Clone, Debug)]
pub struct Meter {
    read: Arc<AtomicU64>,
    /// How much there is.
    pub total: u64,
}

/// What is wrong with a row, or with the file from there on.
#[derive(Debug, PartialEq, Eq)]
pub enum Bad {
    /// One row cannot be read.
    Row(String),
    /// The file cannot be read on.
    File(String),
}

impl Meter {
    fn new(total: u64) -> Self {
        Self { read: Arc::default(), total }
    }

    /// How much was read.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// Opens a table: Parquet by its name, everything else as CSV.
///
/// # Errors
/// If the file cannot be read or has no header.
pub fn open(path: &Path, delimiter: u8) -> Result<Source> {
    let named = |error: String| Failure::usage(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let name = path.to_string_lossy();
    let opened = if name.ends_with(".parquet") { open_parquet(file) } else { open_csv(file, &name, delimiter) };
    opened.map_err(named)
}

/// The digits of the SHA-256 of a file and of what is read from it by.
///
/// # Errors
/// If the file cannot be read.
pub fn hash(path: &Path, mapping: &str) -> Result<(String, String)> {
    let mut digest = Sha256::new();
    let mut file = File::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    io::copy(&mut file, &mut digest)?;
    let file = hex::encode(digest.finalize());
    let both = hex::encode(Sha256::new().chain_update(&file).chain_update(mapping).finalize());
    Ok((file, both))
}

fn open_csv(file: File, name: &str, delimiter: u8) -> Result<Source, String> {
    let meter = Meter::new(file.metadata().map_err(|error| error.to_string())?.len());
    let counted = Counted { file, read: meter.read.clone() };
    let bytes: Box<dyn Read + Send> = match name.ends_with(".zst") {
        true => Box::new(zstd::Decoder::new(counted).map_err(|error| error.to_string())?),
        false => Box::new(counted),
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    if header.iter().all(String::is_empty) {
        return Err("has no header".to_owned());
    }
    let columns = header.len();
    let rows = reader.into_byte_records().map(move |record| match record {
        Ok(record) => texts(&record, columns),
        Err(error) => Err(Bad::File(error.to_string())),
    });
    Ok(Source { header, rows: Box::new(rows), meter })
}

fn texts(record: &ByteRecord, columns: usize) -> Result<Vec<String>, Bad> {
    if record.len() != columns {
        return Err(Bad::Row(format!("has {} columns, not {columns}", record.len())));
    }
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).map_err(|_| Bad::Row("is not UTF-8".to_owned()));
    record.iter().map(text).collect()
}

fn open_parquet(file: File) -> Result<Source, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    let header = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let meter = Meter::new(builder.metadata().file_metadata().num_rows().unsigned_abs());
    let read = meter.read.clone();
    let reader = builder.with_batch_size(PAGE).build().map_err(|error| error.to_string())?;
    let rows = reader.flat_map(move |batch| {
        let page = batch.and_then(|batch| page(&batch));
        match page {
            Ok(page) => {
                read.fetch_add(page.len() as u64, Ordering::Relaxed);
                page.into_iter().map(Ok).collect()
            }
            Err(error) => vec![Err(Bad::File(error.to_string()))],
        }
    });
    Ok(Source { header, rows: Box::new(rows), meter })
}

fn page(batch: &RecordBatch) -> Result<Vec<Vec<String>>, arrow_schema::ArrowError> {
    let options = FormatOptions::default();
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let row = |row| columns.iter().map(|column| column.value(row).try_to_string()).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// A file that tells how much of it was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Date32Array, Float64Array, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn rows(name: &str, bytes: &[u8], delimiter: u8) -> (Vec<String>, Vec<Result<Vec<String>, Bad>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let source = open(&path, delimiter).unwrap();
        (source.header, source.rows.collect())
    }

    #[test]
    fn csv_is_read_with_quotes_any_delimiter_and_compressed() {
        let text = "\u{feff}id|name\r\n1|\"a|b\nc\"\r\n2\n3|\u{5f20}\n".as_bytes();
        let (header, plain) = rows("t.csv", text, b'|');
        assert_eq!(header, ["id", "name"]);
        assert_eq!(plain[0].as_deref().unwrap(), ["1", "a|b\nc"]);
        assert_eq!(plain[1], Err(Bad::Row("has 1 columns, not 2".to_owned())));
        assert_eq!(plain[2].as_deref().unwrap(), ["3", "张"]);
        assert_eq!(rows("t.csv.zst", &zstd::encode_all(text, 1).unwrap(), b'|').1, plain);
    }

    #[test]
    fn a_file_that_breaks_off_is_not_taken_for_whole() {
        let text: String = (0..50_000).map(|n| format!("{n},{}\n", n * 7_919)).collect();
        let packed = zstd::encode_all(format!("a,b\n{text}").as_bytes(), 3).unwrap();
        let read = rows("t.csv.zst", &packed[..packed.len() / 2], b',').1;
        assert!(read.iter().any(|row| matches!(row, Err(Bad::File(_)))));
    }

    #[test]
    fn parquet_cells_become_texts_and_nulls_are_empty() {
        let columns: [(&str, arrow_array::ArrayRef); 3] = [
            ("id", Arc::new(StringArray::from(vec![Some("1"), None]))),
            ("balance", Arc::new(Float64Array::from(vec![Some(10.5), None]))),
            ("day", Arc::new(Date32Array::from(vec![Some(19_723), None]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        let (header, read) = rows("t.parquet", &writer.into_inner().unwrap(), b',');
        assert_eq!(header, ["id", "balance", "day"]);
        assert_eq!(read[0].as_deref().unwrap(), ["1", "10.5", "2024-01-01"]);
        assert_eq!(read[1].as_deref().unwrap(), ["", "", ""]);
    }
}
