//! Parts of a snapshot as they are made: filled with pages of customers while these come, and then closed.

use std::mem::take;

use huan_chassis::{Error, Result};
use object_store::PutPayload;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    task::spawn_blocking,
};

use super::read::{Page, Pages};
use crate::part::{Part, Table};

/// A part that no more customers come into.
pub struct Filled {
    /// Its first customer.
    pub first_customer_id: String,
    /// Its last customer.
    pub last_customer_id: String,
    /// How many there are.
    pub row_count: i64,
    part: Part,
}

/// A part that is written and does not count yet.
pub struct Written {
    /// Its first customer.
    pub first_customer_id: String,
    /// Its last customer.
    pub last_customer_id: String,
    /// How many there are.
    pub row_count: i64,
    /// The file.
    pub file: PutPayload,
    /// The digits of its SHA-256.
    pub sha256: String,
}

impl Filled {
    /// Makes the file.
    pub fn close(self) -> Result<Written> {
        let Self { first_customer_id, last_customer_id, row_count, part } = self;
        let file = part.finish().map_err(broken)?;
        let sha256 = sha256(&file);
        Ok(Written { first_customer_id, last_customer_id, row_count, file, sha256 })
    }
}

/// Fills a part with the next customers, and answers with those who are left; none at the end. Dropped, it ends.
pub async fn fill_part(table: Table, pages: Pages) -> Result<Option<(Filled, Pages)>> {
    let (_wanted, dropped) = oneshot::channel();
    let filled = spawn_blocking(move || fill(&table, pages, dropped)).await;
    filled.map_err(|error| Error::Internal(error.to_string()))?
}

/// Fills a part with the next customers; none if there are none.
fn fill(table: &Table, mut pages: Pages, mut dropped: oneshot::Receiver<()>) -> Result<Option<(Filled, Pages)>> {
    let mut part = Part::new(table).map_err(broken)?;
    let (mut ends, mut row_count) = (None, 0);
    let (mut waiting, mut written) = (Vec::new(), 0);
    while row_count + pages.rows <= table.rows_a_part()
        && dropped.try_recv() == Err(TryRecvError::Empty)
        && let Some(page) = pages.next()
    {
        let Some(Page { columns, ends: (first, last) }) = page? else { continue };
        row_count += columns.num_rows();
        ends = Some((ends.map_or(first, |(first, _)| first), last));
        waiting.push(columns);
        if row_count - written >= table.rows_a_write() {
            part.write(&take(&mut waiting)).map_err(broken)?;
            written = row_count;
        }
    }
    part.write(&waiting).map_err(broken)?;
    let Some((first_customer_id, last_customer_id)) = ends else {
        return Ok(None);
    };
    Ok(Some((Filled { first_customer_id, last_customer_id, row_count: row_count as i64, part }, pages)))
}

fn broken(error: ParquetError) -> Error {
    Error::Internal(error.to_string())
}

/// The digits of a file's SHA-256.
pub fn sha256(file: &PutPayload) -> String {
    hex::encode(file.iter().fold(Sha256::new(), Sha256::chain_update).finalize())
}
