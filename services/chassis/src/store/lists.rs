//! Reading many rows as lists: one row, of which each value is a whole column. A row of its own costs a reader more than
//! what is in it, where it is handed from thread to thread value by value, as SQLite's are.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait,
    FromQueryResult as _, Iden as _, Iterable as _, ModelTrait as _, TryIntoModel, Value,
    sea_query::{Alias, ArrayType, Expr, Query, SelectStatement},
};

use super::copy;
use crate::{Error, Result};

/// What stands between the values of a list: no text that is kept holds control characters.
const BETWEEN: char = '\n';

/// Rows as lists: `N` columns as texts, and one of bytes. They are never shown.
pub struct Lists<const N: usize>(Read);

enum Read {
    Columns(Columns),
    /// Rows of texts, and after them the bytes, if any were wanted.
    Rows(Vec<Bytes>),
}

/// Reads the rows that a statement selects: the texts or numbers of some of its columns, and the bytes of another, if any
/// are wanted. A null is an empty text, but may not be among the bytes. They keep the statement's order if it has a limit;
/// else PostgreSQL, from version 16 on, may gather what several of its processes read.
///
/// # Errors
/// Whatever the database refuses.
pub async fn read<const N: usize>(
    db: &impl ConnectionTrait,
    rows: SelectStatement,
    texts: [&str; N],
    bytes: Option<&str>,
) -> Result<Lists<N>> {
    Ok(Lists(Read::Columns(columns(db, rows, &texts, bytes.as_slice()).await?)))
}

/// The same for who reads a whole table, a page of large rows at a time: PostgreSQL's come as they are, since it gathers
/// lists by copying what is in them twice. A text of theirs may have two lines.
///
/// # Errors
/// Those of [`read`].
pub async fn copy<const N: usize>(
    db: &DatabaseConnection,
    rows: SelectStatement,
    texts: [&str; N],
    bytes: Option<&str>,
) -> Result<Lists<N>> {
    if db.get_database_backend() != DbBackend::Postgres {
        return read(db, rows, texts, bytes).await;
    }
    let mut select = Query::select();
    let texts = texts.iter().map(|column| format!(r#"CAST("{column}" AS text)"#));
    let columns = texts.chain(bytes.map(|column| format!(r#""{column}""#)));
    select.exprs(columns.map(Expr::cust)).from_subquery(rows, Alias::new("listed"));
    Ok(Lists(Read::Rows(copy::rows(db, &select).await?)))
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
        match &self.0 {
            Read::Columns(columns) => columns.rows(),
            Read::Rows(rows) => rows.iter().map(|row| values(row)).collect(),
        }
    }
}

/// The values of a row that was copied.
fn values<const N: usize>(row: &[u8]) -> Result<([&str; N], &[u8])> {
    let (mut place, mut texts, mut bytes) = (0, [&[][..]; N], &[][..]);
    copy::fields(row, |value| {
        *texts.get_mut(place).unwrap_or(&mut bytes) = value.unwrap_or_default();
        place += 1;
    });
    let texts = texts.map(str::from_utf8);
    if texts.iter().any(Result::is_err) {
        return Err(broken());
    }
    Ok((texts.map(Result::unwrap_or_default), bytes))
}

/// Reads the rows of a table that a statement selects whole, in its order: as lists where that costs less. PostgreSQL's
/// come many at a time as they are. In a column that may be null, an empty text is read as null.
///
/// # Errors
/// Whatever the database refuses; internal, for a column that is neither text nor whole number, truth nor bytes.
pub async fn all<E>(db: &impl ConnectionTrait, rows: SelectStatement) -> Result<Vec<E::Model>>
where
    E: EntityTrait,
    E::ActiveModel: TryIntoModel<E::Model>,
{
    if db.get_database_backend() == DbBackend::Postgres {
        let rows = db.query_all(&rows).await?;
        return Ok(rows.iter().map(|row| E::Model::from_query_result(row, "")).collect::<Result<_, _>>()?);
    }
    let (bytes, texts): (Vec<E::Column>, Vec<E::Column>) = E::Column::iter().partition(is_bytes::<E>);
    let names = |columns: &[E::Column]| columns.iter().map(|column| column.to_string()).collect::<Vec<_>>();
    let read = columns(db, rows, &names(&texts), &names(&bytes)).await?;
    let mut rows: Vec<E::ActiveModel> = (0..read.rows).map(|_| E::ActiveModel::default()).collect();
    for (column, values) in texts.into_iter().zip(read.texts()?) {
        for (row, text) in rows.iter_mut().zip(values) {
            row.try_set(column, value::<E>(column, text)?)?;
        }
    }
    for (column, values) in bytes.into_iter().zip(read.bytes()?) {
        for (row, bytes) in rows.iter_mut().zip(values) {
            row.try_set(column, Value::Bytes(Some(bytes.to_vec())))?;
        }
    }
    rows.into_iter().map(|row| Ok(row.try_into_model()?)).collect()
}

fn is_bytes<E: EntityTrait>(column: &E::Column) -> bool {
    E::Model::get_value_type(*column) == ArrayType::Bytes
}

/// The value that a text stands for. Errors: internal, if it stands for none.
fn value<E: EntityTrait>(column: E::Column, text: &str) -> Result<Value> {
    let is_null = text.is_empty() && column.def().is_null();
    Ok(match E::Model::get_value_type(column) {
        ArrayType::String => Value::String((!is_null).then(|| text.to_owned())),
        ArrayType::Bool if is_null => Value::Bool(None),
        ArrayType::Bool => Value::Bool(Some(text != "0")),
        ArrayType::SmallInt if is_null => Value::SmallInt(None),
        ArrayType::SmallInt => Value::SmallInt(Some(number(text)?)),
        ArrayType::Int if is_null => Value::Int(None),
        ArrayType::Int => Value::Int(Some(number(text)?)),
        ArrayType::BigInt if is_null => Value::BigInt(None),
        ArrayType::BigInt => Value::BigInt(Some(number(text)?)),
        kind => return Err(Error::Internal(format!("lists hold no {kind:?}"))),
    })
}

/// Columns as the database answers with them.
struct Columns {
    rows: usize,
    texts: Vec<String>,
    /// The lengths of the values, and the values.
    bytes: Vec<(String, Vec<u8>)>,
}

async fn columns(
    db: &impl ConnectionTrait,
    rows: SelectStatement,
    texts: &[impl AsRef<str>],
    bytes: &[impl AsRef<str>],
) -> Result<Columns> {
    let (text, joined) = match db.get_database_backend() {
        DbBackend::Postgres => ("string_agg(coalesce(CAST(# AS text), ''), chr(10))", "string_agg(#, ''::bytea)"),
        _ => ("group_concat(coalesce(#, ''), char(10))", "CAST(group_concat(#, '') AS BLOB)"),
    };
    let of = |list: &str, value: &str| Expr::cust(list.replace('#', value));
    let quoted = |column: &str| format!(r#""{column}""#);
    let mut select = Query::select();
    select.expr(Expr::cust("count(*)"));
    for column in texts {
        select.expr(of(text, &quoted(column.as_ref())));
    }
    for column in bytes {
        let column = quoted(column.as_ref());
        select.expr(of(text, &format!("length({column})"))).expr(of(joined, &column));
    }
    select.from_subquery(rows, Alias::new("listed"));
    let row = db.query_one(&select).await?.ok_or_else(|| Error::Internal("lists of nothing".into()))?;
    let list = |place| Ok::<_, Error>(row.try_get_by_index::<Option<String>>(place)?.unwrap_or_default());
    let joined = |place| Ok::<_, Error>(row.try_get_by_index::<Option<Vec<u8>>>(place)?.unwrap_or_default());
    let places = 1 + texts.len()..;
    Ok(Columns {
        rows: row.try_get_by_index::<i64>(0)?.cast_unsigned() as usize,
        texts: (1..=texts.len()).map(list).collect::<Result<_>>()?,
        bytes: places.step_by(2).take(bytes.len()).map(|at| Ok((list(at)?, joined(at + 1)?))).collect::<Result<_>>()?,
    })
}

impl Columns {
    fn rows<const N: usize>(&self) -> Result<Vec<([&str; N], &[u8])>> {
        let (texts, bytes) = (self.texts()?, self.bytes()?);
        let row = |row: usize| {
            let bytes = bytes.first().map_or(&[][..], |bytes| bytes[row]);
            (std::array::from_fn(|column| texts[column][row]), bytes)
        };
        Ok((0..self.rows).map(row).collect())
    }

    fn texts(&self) -> Result<Vec<Vec<&str>>> {
        self.texts.iter().map(|texts| self.split(texts)).collect()
    }

    fn bytes(&self) -> Result<Vec<Vec<&[u8]>>> {
        self.bytes.iter().map(|(lengths, bytes)| self.cut(lengths, bytes)).collect()
    }

    /// The values of joined bytes, one a row.
    fn cut<'a>(&self, lengths: &str, mut bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
        let mut values = Vec::with_capacity(self.rows);
        for length in self.split(lengths)? {
            let value = length.parse().ok().and_then(|length| bytes.split_off(..length));
            values.push(value.ok_or_else(broken)?);
        }
        if bytes.is_empty() { Ok(values) } else { Err(broken()) }
    }

    /// The values of a list, one a row.
    fn split<'a>(&self, list: &'a str) -> Result<Vec<&'a str>> {
        if self.rows == 0 {
            return Ok(Vec::new());
        }
        let values: Vec<&str> = list.split(BETWEEN).collect();
        if values.len() == self.rows { Ok(values) } else { Err(broken()) }
    }
}

/// The number that a text of a list stands for.
///
/// # Errors
/// Internal, if it stands for none.
pub fn number<N: FromStr>(text: &str) -> Result<N> {
    text.parse().map_err(|_| Error::Internal("a list holds a number that is none".into()))
}

fn broken() -> Error {
    Error::Internal("lists of different lengths".into())
}
