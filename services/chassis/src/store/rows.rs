//! Writing many rows. They go in a few statements, whose sizes come again and again, so that the database has each of
//! them prepared after its first time; and each is built while the database is at the one before.

use std::{fmt::Write as _, marker::PhantomData, vec::IntoIter};

use futures::future::join;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait as _, DbBackend, EntityName as _, EntityTrait, IdenStatic as _,
    IntoActiveModel, Iterable as _, PrimaryKeyToColumn as _, Statement,
};

use super::Tx;
use crate::{Error, Result};

/// Rows of a statement: as many of the first size as there are, then of the next. SQLite binds at most 32,766 values.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts a list of keys to look up into runs of a few sizes, for the same reason: the last one repeats its last key.
pub fn runs<T: Clone>(keys: &[T]) -> impl Iterator<Item = Vec<T>> {
    keys.chunks(SIZES[0]).map(|run| {
        let mut run = run.to_vec();
        if let Some(last) = run.last().cloned() {
            run.resize(run.len().next_power_of_two(), last);
        }
        run
    })
}

/// What becomes of a row whose key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It fails the statement.
    Fail,
    /// The row that is there stays.
    Leave,
    /// The row takes the place of the one that is there.
    Replace,
}

/// Writes rows of one table.
///
/// # Errors
/// A unique value that is taken, as [`Conflict`] says; whatever the database refuses.
pub async fn write<M, A>(tx: &Tx, rows: Vec<M>, conflict: Conflict) -> Result<()>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    write_made(tx, rows, conflict, Ok).await
}

/// Writes what `make` makes of rows, a statement's at a time: what takes long is done while the database works.
///
/// # Errors
/// Those of `make`, and of [`write()`].
pub async fn write_made<R, M, A>(
    tx: &Tx,
    rows: Vec<R>,
    conflict: Conflict,
    mut make: impl FnMut(Vec<R>) -> Result<Vec<M>> + Send,
) -> Result<()>
where
    R: Send,
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    let (insert, mut rows) = (Insert::<A>::new(tx.get_database_backend(), conflict), rows.into_iter());
    let mut next = insert.next(&mut rows, &mut make)?;
    while let Some(statement) = next {
        let (done, following) = join(tx.execute_raw(statement), async { insert.next(&mut rows, &mut make) }).await;
        done?;
        next = following?;
    }
    Ok(())
}

type Column<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;

/// An INSERT into one table.
struct Insert<A> {
    backend: DbBackend,
    conflict: Conflict,
    table: PhantomData<fn(A)>,
}

impl<A: ActiveModelTrait> Insert<A> {
    fn new(backend: DbBackend, conflict: Conflict) -> Self {
        Self { backend, conflict, table: PhantomData }
    }

    /// The statement of the rows that are next; none at the end. All rows leave the same columns to the database.
    fn next<R, M: IntoActiveModel<A>>(
        &self,
        rows: &mut IntoIter<R>,
        make: &mut impl FnMut(Vec<R>) -> Result<Vec<M>>,
    ) -> Result<Option<Statement>> {
        let Some(size) = SIZES.into_iter().find(|size| *size <= rows.len()) else { return Ok(None) };
        let mut made = make(rows.by_ref().take(size).collect())?.into_iter().map(IntoActiveModel::into_active_model);
        let Some(first) = made.next() else { return Ok(None) };
        let mut columns: Vec<Column<A>> = Vec::new();
        let mut values = Vec::with_capacity(size * <Column<A>>::iter().count());
        let mut count = 1;
        take(first, |column, value| {
            columns.push(column);
            values.push(value);
        });
        for row in made {
            take(row, |_, value| values.push(value));
            count += 1;
        }
        if values.len() != count * columns.len() {
            return Err(Error::Internal("rows of one insert leave different columns to the database".into()));
        }
        Ok(Some(Statement::from_sql_and_values(self.backend, self.sql(&columns, count), values)))
    }

    fn sql(&self, columns: &[Column<A>], rows: usize) -> String {
        let names = |columns: &[Column<A>]| columns.iter().map(name).collect::<Vec<_>>().join(", ");
        let mut sql = format!(r#"INSERT INTO "{}" ({}) VALUES "#, A::Entity::default().table_name(), names(columns));
        for place in 0..rows * columns.len() {
            sql.push_str(match (place % columns.len(), place) {
                (0, 0) => "(",
                (0, _) => "), (",
                _ => ", ",
            });
            // Writing to a string does not fail.
            let _ = match self.backend {
                DbBackend::Postgres => write!(sql, "${}", place + 1),
                _ => sql.write_char('?'),
            };
        }
        sql.push(')');
        let keys: Vec<Column<A>> =
            <A::Entity as EntityTrait>::PrimaryKey::iter().map(|key| key.into_column()).collect();
        let is_key = |column: &&Column<A>| keys.iter().any(|key| key.as_str() == column.as_str());
        let replaced = |column: &Column<A>| format!("{0} = excluded.{0}", name(column));
        let _ = match self.conflict {
            Conflict::Fail => Ok(()),
            Conflict::Leave => write!(sql, " ON CONFLICT ({}) DO NOTHING", names(&keys)),
            Conflict::Replace => {
                let others = columns.iter().filter(|column| !is_key(column)).map(replaced).collect::<Vec<_>>();
                write!(sql, " ON CONFLICT ({}) DO UPDATE SET {}", names(&keys), others.join(", "))
            }
        };
        sql
    }
}

fn name(column: &impl sea_orm::ColumnTrait) -> String {
    format!(r#""{}""#, column.as_str())
}

/// Takes the values that are set, in the order of their columns.
fn take<A: ActiveModelTrait>(mut row: A, mut each: impl FnMut(Column<A>, sea_orm::Value)) {
    for column in <Column<A>>::iter() {
        if let ActiveValue::Set(value) | ActiveValue::Unchanged(value) = row.take(column) {
            each(column, value);
        }
    }
}
