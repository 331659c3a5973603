//! All bytes that a suite has written: its files, what its snapshots say once they are unpacked, and, on PostgreSQL, every
//! column of every row.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use huan::suite::Place;
use huan_chassis::{config, store};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, QueryResult, Statement};

/// Tells of each text where it is left: a file, or a table of a service.
pub async fn left(place: &Place, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in remains(place).await {
        let held = texts.iter().filter(|text| holds(&bytes, text));
        found.extend(held.map(|text| format!("{text} in {name}")));
    }
    found
}

/// Those of the texts that are left nowhere.
pub async fn absent<'a>(place: &Place, texts: &'a [String]) -> Vec<&'a str> {
    let remains = remains(place).await;
    let is_left = |text: &&String| remains.iter().any(|(_, bytes)| holds(bytes, text));
    texts.iter().filter(|text| !is_left(text)).map(String::as_str).collect()
}

async fn remains(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> =
        files(&place.folder).iter().map(|file| (file.display().to_string(), read(file))).collect();
    for (service, url) in &place.databases {
        all.extend(dump(url).await.into_iter().map(|(table, text)| (format!("{service}.{table}"), text)));
    }
    all
}

/// A file's bytes, and what is packed in it; none if it went while it was listed, as a database's own files do.
fn read(file: &Path) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap_or_default();
    if file.extension().is_some_and(|extension| extension == "parquet") {
        let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            bytes.extend(row.unwrap().to_string().into_bytes());
        }
    }
    bytes
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every table of a database as text, bytes as the characters that they are.
async fn dump(url: &str) -> Vec<(String, Vec<u8>)> {
    let columns = "SELECT table_name::text, string_agg(CASE data_type
            WHEN 'bytea' THEN format('encode(%I, ''escape'')', column_name)
            ELSE format('%I::text', column_name) END, ', ')
        FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1";
    let db = store::connect(&config::Database { url: url.to_owned(), max_connections: 1 }).await.unwrap();
    let mut tables = Vec::new();
    for table in query(&db, columns.to_owned()).await {
        let (name, columns) = (text(&table, 0), text(&table, 1));
        let rows = query(&db, format!("SELECT concat_ws(' ', {columns}) FROM \"{name}\"")).await;
        tables.push((name, rows.iter().map(|row| text(row, 0)).collect::<String>().into_bytes()));
    }
    db.close().await.unwrap();
    assert!(tables.len() > 5, "{} tables are hardly a service's", tables.len());
    tables
}

async fn query(db: &DatabaseConnection, sql: String) -> Vec<QueryResult> {
    db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap()
}

fn text(row: &QueryResult, column: usize) -> String {
    row.try_get_by_index(column).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
