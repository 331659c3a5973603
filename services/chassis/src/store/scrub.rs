//! Deleted bytes leave SQLite's files. Deleted cells are overwritten (`secure_delete`), but the log goes on holding what
//! stood there, and so may a page: where a tree was balanced, SQLite leaves copies of cells that moved in the space between
//! those that stayed. So after the commit the log is cut off, the file is searched for what was deleted, and written anew
//! (VACUUM) if it is found. A note in the file's header, made in the transaction that deletes, lets the next start do what
//! a crash cut short. (In PostgreSQL dead rows go by VACUUM, archives and backups by their own retention.)

use std::{fs::File, io, os::unix::fs::FileExt as _, time::Duration};

use memchr::memmem::Finder;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, Tx};
use crate::{Error, Result};

/// How often it is tried again while readers hold the log.
const AGAIN: Duration = Duration::from_millis(200);
/// Bytes of the file that are searched at a time.
const BLOCK: usize = 1 << 20;
/// Writes the file anew. What it is copied to meanwhile may be too large for memory, where connections keep such things.
const REWRITE: &str = "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY";
/// Notes go round after so many.
const NOTES: i32 = 1_000_000;

impl Tx {
    /// Notes that what is deleted here must leave the files too; `gone` are texts that stand in nothing but what is
    /// deleted, at the beginning of its rows above all: customers' numbers, ids of keys.
    pub async fn scrub(&self, gone: impl IntoIterator<Item = &str>) -> Result<()> {
        if self.store.is_postgres() {
            return Ok(());
        }
        let note = note(&self.tx).await? % NOTES + 1;
        self.tx.execute_unprepared(&format!("PRAGMA user_version = {note}")).await?;
        let mut texts = self.gone.lock().unwrap_or_else(|broken| broken.into_inner());
        texts.extend(gone.into_iter().map(str::to_owned));
        Ok(())
    }
}

impl Store {
    /// Lets what was deleted leave the files; if readers hold the log for too long, as soon as they let it go.
    pub(super) async fn scrub(&self, gone: Vec<String>) {
        if self.is_scrubbed(&gone).await {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            let closed = store.closed();
            tokio::pin!(closed);
            loop {
                tokio::select! {
                    // The note stays, and the next start does it.
                    () = &mut closed => return,
                    () = tokio::time::sleep(AGAIN) => if store.is_scrubbed(&gone).await { return },
                }
            }
        });
    }

    /// Does at a start what a crash cut short.
    pub(super) async fn finish_scrub(&self) -> Result<()> {
        let note = note(&self.db).await?;
        if note == 0 {
            return Ok(());
        }
        self.rewrite().await?;
        if self.cut_log().await? {
            self.strike(note).await?;
        }
        Ok(())
    }

    async fn is_scrubbed(&self, gone: &[String]) -> bool {
        self.try_scrub(gone).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was deleted has not left the files yet");
            false
        })
    }

    /// False: readers hold the log.
    async fn try_scrub(&self, gone: &[String]) -> Result<bool> {
        let note = note(&self.db).await?;
        if !self.cut_log().await? {
            return Ok(false);
        }
        let is_left = match self.file {
            Some(file) => is_left(file, gone.to_vec()).await?,
            None => false,
        };
        if is_left {
            self.rewrite().await?;
            if !self.cut_log().await? {
                return Ok(false);
            }
        }
        self.strike(note).await.map(|()| true)
    }

    /// Tells whether the log was cut off.
    async fn cut_log(&self) -> Result<bool> {
        let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let row = self.db.query_one_raw(statement).await?;
        Ok(row.is_none_or(|row| row.try_get_by_index::<i32>(0).is_ok_and(|busy| busy == 0)))
    }

    async fn rewrite(&self) -> Result<()> {
        tracing::info!("writing the database's file anew, so that deleted rows leave it");
        let _permit = self.permit().await;
        self.db.execute_unprepared(REWRITE).await?;
        Ok(())
    }

    /// Strikes a note, unless another was made since: that one's scrubbing will.
    async fn strike(&self, done: i32) -> Result<()> {
        let _permit = self.permit().await;
        if note(&self.db).await? == done {
            self.db.execute_unprepared("PRAGMA user_version = 0").await?;
        }
        Ok(())
    }
}

/// The note in the file's header; 0 = none.
async fn note(db: &impl ConnectionTrait) -> Result<i32> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA user_version")).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0))
}

/// Whether any of these texts stands in the file.
async fn is_left(file: &'static File, gone: Vec<String>) -> Result<bool> {
    let search = tokio::task::spawn_blocking(move || search(file, &gone)).await;
    let fault = |error: String| Error::Internal(format!("the database's file cannot be searched: {error}"));
    search.map_err(|error| fault(error.to_string()))?.map_err(|error| fault(error.to_string()))
}

fn search(file: &File, gone: &[String]) -> io::Result<bool> {
    let wanted: Vec<Finder<'_>> = gone.iter().map(|text| Finder::new(text.as_str())).collect();
    // As much of a block as a text may reach from it into the next one.
    let reach = gone.iter().map(String::len).max().unwrap_or(0);
    let (mut at, mut bytes, mut kept) = (0, vec![0; BLOCK + reach], 0);
    loop {
        let read = file.read_at(&mut bytes[kept..], at)?;
        at += read as u64;
        let end = kept + read;
        if wanted.iter().any(|text| text.find(&bytes[..end]).is_some()) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        kept = end.min(reach);
        bytes.copy_within(end - kept..end, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_text_is_found_across_blocks() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![b'.'; BLOCK - 3]).unwrap();
        file.write_all(b"ZZ90417733").unwrap();
        file.write_all(&vec![b'.'; BLOCK]).unwrap();
        let is_left = |text: &str| search(file.as_file(), &["other".to_owned(), text.to_owned()]).unwrap();
        assert!(is_left("ZZ90417733") && !is_left("ZZ90417734"));
    }
}
