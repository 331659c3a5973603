//! Reading many rows as lists: one row, of which each value is a whole column. A row of its own costs a reader more than
//! what is in it, where it is handed from thread to thread value by value, as SQLite's are.

use std::fmt;

use sea_orm::{
    ConnectionTrait, DbBackend,
    sea_query::{Alias, Expr, Query, SelectStatement},
};

use crate::{Error, Result};

/// What stands between the values of a list: no text that is kept holds control characters.
const BETWEEN: char = '\n';

/// Rows as lists: `N` columns as texts, and one of bytes. They are never shown.
pub struct Lists<const N: usize> {
    texts: [String; N],
    lengths: String,
    bytes: Vec<u8>,
}

/// Reads the rows that a statement selects: the texts or numbers of some of its columns, and the bytes of another, if any
/// are wanted. None of these may be null. They keep the statement's order if it has a limit; else PostgreSQL, from version 16
/// on, may gather what several of its processes read.
///
/// # Errors
/// Whatever the database refuses.
pub async fn read<const N: usize>(
    db: &impl ConnectionTrait,
    rows: SelectStatement,
    texts: [&str; N],
    bytes: Option<&str>,
) -> Result<Lists<N>> {
    let (text, joined) = match db.get_database_backend() {
        DbBackend::Postgres => ("string_agg(CAST(# AS text), chr(10))", "string_agg(#, ''::bytea)"),
        _ => ("group_concat(#, char(10))", "CAST(group_concat(#, '') AS BLOB)"),
    };
    let of = |list: &str, value: String| Expr::cust(list.replace('#', &value));
    let mut select = Query::select();
    for column in texts {
        select.expr(of(text, format!(r#""{column}""#)));
    }
    select.expr(of(text, bytes.map_or("0".to_owned(), |bytes| format!(r#"length("{bytes}")"#))));
    if let Some(bytes) = bytes {
        select.expr(of(joined, format!(r#""{bytes}""#)));
    }
    select.from_subquery(rows, Alias::new("listed"));
    let row = db.query_one(&select).await?.ok_or_else(|| Error::Internal("lists of nothing".into()))?;
    let list = |place| Ok::<_, Error>(row.try_get_by_index::<Option<String>>(place)?.unwrap_or_default());
    let mut lists = Lists { texts: [const { String::new() }; N], lengths: list(N)?, bytes: Vec::new() };
    for (place, texts) in lists.texts.iter_mut().enumerate() {
        *texts = list(place)?;
    }
    if bytes.is_some() {
        lists.bytes = row.try_get_by_index::<Option<Vec<u8>>>(N + 1)?.unwrap_or_default();
    }
    Ok(lists)
}

impl<const N: usize> fmt::Debug for Lists<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lists")
    }
}

impl<const N: usize> Lists<N> {
    /// The rows; their bytes are none where none were wanted.
    ///
    /// # Errors
    /// Internal, if values do not belong together: a text has a line's end in it.
    pub fn rows(&self) -> Result<Vec<([&str; N], &[u8])>> {
        self.split().ok_or_else(|| Error::Internal("lists of different lengths".into()))
    }

    fn split(&self) -> Option<Vec<([&str; N], &[u8])>> {
        if self.lengths.is_empty() {
            return Some(Vec::new());
        }
        let mut lists = self.texts.each_ref().map(|texts| texts.split(BETWEEN));
        let (mut bytes, mut rows) = (self.bytes.as_slice(), Vec::new());
        for length in self.lengths.split(BETWEEN) {
            let mut texts = [""; N];
            for (text, list) in texts.iter_mut().zip(&mut lists) {
                *text = list.next()?;
            }
            rows.push((texts, bytes.split_off(..length.parse().ok()?)?));
        }
        let is_over = bytes.is_empty() && lists.iter_mut().all(|list| list.next().is_none());
        is_over.then_some(rows)
    }
}
