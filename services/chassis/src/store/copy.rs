//! Many rows of PostgreSQL by `COPY`, which costs both sides half of what the rows of a query do. Its binary format:
//! <https://www.postgresql.org/docs/current/sql-copy.html>.

use bytes::{Buf as _, Bytes, BytesMut};
use futures::TryStreamExt as _;
use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sea_query::{PostgresQueryBuilder, SelectStatement},
    sqlx::{self, postgres::PgPoolCopyExt as _},
};

use crate::{Error, Result};

/// What an answer begins with; flags come next, then the length of what else its header holds.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const FLAGS: usize = 4;
/// What it ends with in the place of a row.
const END: &[u8] = &(-1_i16).to_be_bytes();

/// Reads the rows that a statement selects, each as it is sent: [`fields`] takes it apart. The statement's values stand in
/// its text, since `COPY` binds none. It goes on to its end whether or not it is waited for: a connection that is given back
/// in the midst of an answer would take the rest for that to its next query.
///
/// # Errors
/// Whatever the database refuses; internal, if it answers with something else.
pub async fn rows(db: &DatabaseConnection, select: &SelectStatement) -> Result<Vec<Bytes>> {
    #[cfg(feature = "testing")]
    super::test::note(&sea_orm::DbBackend::Postgres.build(select));
    let sql = format!("COPY ({}) TO STDOUT (FORMAT binary)", select.to_string(PostgresQueryBuilder));
    let pool = db.get_postgres_connection_pool().clone();
    let copied = tokio::spawn(async move {
        let mut messages = pool.copy_out_raw(&sql).await?;
        let mut copied = Copied::default();
        while let Some(message) = messages.try_next().await? {
            copied.take(message);
        }
        Ok::<_, sqlx::Error>(copied)
    });
    let copied = copied.await.map_err(|error| Error::Internal(error.to_string()))?;
    copied.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?.rows()
}

/// Takes a row's fields one by one, none for a null, and answers with its length; none unless all of a row is there.
pub fn fields<'a>(bytes: &'a [u8], mut take: impl FnMut(Option<&'a [u8]>)) -> Option<usize> {
    let mut rest = bytes;
    let count = rest.try_get_i16().ok().filter(|count| *count >= 0)?;
    for _ in 0..count {
        match rest.try_get_i32().ok()? {
            -1 => take(None),
            length => take(Some(rest.split_off(..usize::try_from(length).ok()?)?)),
        }
    }
    Some(bytes.len() - rest.len())
}

/// What has come of an answer. A message of it mostly holds one row, but may hold what it likes.
#[derive(Default)]
struct Copied {
    begun: bool,
    rows: Vec<Bytes>,
    left: Bytes,
}

impl Copied {
    fn take(&mut self, message: Bytes) {
        self.left = match self.left.is_empty() {
            true => message,
            false => {
                let mut both = BytesMut::from(std::mem::take(&mut self.left));
                both.extend_from_slice(&message);
                both.freeze()
            }
        };
        if !self.begun
            && let Some(length) = header(&self.left)
        {
            self.left.advance(length);
            self.begun = true;
        }
        while self.begun
            && let Some(length) = fields(&self.left, |_| ())
        {
            self.rows.push(self.left.split_to(length));
        }
    }

    fn rows(self) -> Result<Vec<Bytes>> {
        let Self { begun, rows, left } = self;
        if begun && left == END { Ok(rows) } else { Err(Error::Internal("a copy in an unknown format".into())) }
    }
}

/// The length of the header, if all of it is there.
fn header(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?.get(FLAGS..)?;
    let length = rest.try_get_u32().ok()? as usize;
    rest.get(length..).map(|rest| bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(header: &[u8]) -> Vec<u8> {
        let length = (header.len() as u32).to_be_bytes();
        let row = |fields: &[Option<&[u8]>]| {
            let mut row = (fields.len() as i16).to_be_bytes().to_vec();
            for field in fields {
                row.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
                row.extend(field.unwrap_or_default());
            }
            row
        };
        let rows = [row(&[Some(b"one"), None]), row(&[Some(b""), Some(&[0xff; 300])]), row(&[])].concat();
        [SIGNATURE, &[0; FLAGS], &length, header, &rows, END].concat()
    }

    fn values(row: &Bytes) -> Vec<Option<&[u8]>> {
        let mut values = Vec::new();
        assert_eq!(fields(row, |value| values.push(value)), Some(row.len()));
        values
    }

    #[test]
    fn rows_are_the_same_however_the_answer_is_cut_into_messages() {
        for header in [&b""[..], b"more"] {
            let answer = answer(header);
            for size in 1..=answer.len() {
                let mut copied = Copied::default();
                answer.chunks(size).for_each(|message| copied.take(Bytes::copy_from_slice(message)));
                let rows = copied.rows().unwrap();
                let values: Vec<_> = rows.iter().map(values).collect();
                assert_eq!(values, [vec![Some(&b"one"[..]), None], vec![Some(b""), Some(&[0xff; 300])], vec![]]);
            }
        }
    }

    #[test]
    fn an_answer_that_ends_early_or_is_another_is_an_error() {
        let whole = answer(b"");
        for length in 0..whole.len() {
            let mut copied = Copied::default();
            copied.take(Bytes::copy_from_slice(&whole[..length]));
            assert!(copied.rows().is_err(), "{length}");
        }
        let mut other = whole.clone();
        other[0] = b'p';
        let longer = [&whole[..], END].concat();
        for answer in [other, longer] {
            let mut copied = Copied::default();
            copied.take(answer.into());
            assert!(copied.rows().is_err());
        }
    }
}
