//! Writing many rows. They go in a few statements that come again and again, so that the database has each of them
//! prepared after its first time; and each is built while the database is at the one before. Few, because each is a way
//! to another thread or process and back. SQLite is told values row by row, in sizes that are powers of two or half as much
//! again: what is left of a statement is filled up with rows of nulls, which it leaves out, so that no row may begin with
//! one. PostgreSQL is told them as a list a column: one statement for however many rows.

use std::{marker::PhantomData, vec::IntoIter};

use futures::future::join;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityName as _, EntityTrait, ExecResult,
    IdenStatic as _, IntoActiveModel, Iterable as _, PrimaryKeyToColumn as _, Statement, Value, sea_query::Expr,
};

use super::Tx;
use crate::{Error, Result};

/// The most rows that a statement writes.
const ROWS: usize = 512;
/// The most keys that one looks up.
const KEYS: usize = 1024;
/// The most values that SQLite binds.
const BINDS: usize = 32_766;

/// Cuts a list of keys to look up into runs of a few sizes, for the same reason: the last one repeats its last key.
pub fn runs<T: Clone>(keys: &[T]) -> impl Iterator<Item = Vec<T>> {
    keys.chunks(KEYS).map(|run| {
        let mut run = run.to_vec();
        if let Some(last) = run.last().cloned() {
            run.resize(run.len().next_power_of_two(), last);
        }
        run
    })
}

/// That a column has one of these texts. SQLite is told each by itself. PostgreSQL is told a list, whose
/// plan it keeps however many there are, where single values are planned for anew each time.
pub fn among(db: &impl ConnectionTrait, column: impl ColumnTrait, values: Vec<impl Into<String>>) -> Expr {
    let values = values.into_iter().map(Into::<String>::into);
    match db.get_database_backend() {
        DbBackend::Postgres => column.eq_any(values),
        _ => column.is_in(values),
    }
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

/// Writes rows whose key the database numbers, and answers with the number of the last one; 0 if there are none. Nothing
/// that is joined with this may draw numbers too.
///
/// # Errors
/// Whatever the database refuses.
pub async fn write_numbered<M, A>(tx: &Tx, rows: Vec<M>) -> Result<i64>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    let Some(last) = run(tx, rows, Conflict::Fail, Ok).await? else { return Ok(0) };
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(last.last_insert_id().cast_signed());
    }
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT lastval()")).await?;
    let row = row.ok_or_else(|| Error::Internal("a row got no number".into()))?;
    Ok(row.try_get_by_index(0)?)
}

/// Writes what `make` makes of rows, a statement's at a time: what takes long is done while the database works.
///
/// # Errors
/// Those of `make`, and of [`write()`].
pub async fn write_made<R, M, A>(
    tx: &Tx,
    rows: Vec<R>,
    conflict: Conflict,
    make: impl FnMut(Vec<R>) -> Result<Vec<M>> + Send,
) -> Result<()>
where
    R: Send,
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    run(tx, rows, conflict, make).await.map(drop)
}

/// Answers with what the last statement did; none if there were no rows.
async fn run<R, M, A>(
    tx: &Tx,
    rows: Vec<R>,
    conflict: Conflict,
    mut make: impl FnMut(Vec<R>) -> Result<Vec<M>> + Send,
) -> Result<Option<ExecResult>>
where
    R: Send,
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    let (insert, mut rows) = (Insert::<A>::new(tx.get_database_backend(), conflict), rows.into_iter());
    let (mut next, mut last) = (insert.next(&mut rows, &mut make)?, None);
    while let Some(statement) = next {
        let (done, following) = join(tx.execute_raw(statement), async { insert.next(&mut rows, &mut make) }).await;
        last = Some(done?);
        next = following?;
    }
    Ok(last)
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
        let lists = self.backend == DbBackend::Postgres;
        let most = if lists { ROWS } else { ROWS.min(BINDS / <Column<A>>::iter().count()) };
        let mut made = make(rows.by_ref().take(most).collect())?.into_iter().map(M::into_active_model);
        let Some(first) = made.next() else { return Ok(None) };
        let (columns, mut values): (Vec<_>, Vec<_>) = set(first).unzip();
        values.reserve(made.len() * columns.len());
        let count = 1 + made.len();
        made.for_each(|row| values.extend(set(row).map(|(_, value)| value)));
        if values.len() != count * columns.len() {
            return Err(Error::Internal("rows of one insert leave different columns to the database".into()));
        }
        if !lists && !values.iter().step_by(columns.len()).all(Value::is_some) {
            return Err(Error::Internal("a row begins with a null".into()));
        }
        let (source, values) = match lists {
            true => by_column(columns.len(), values),
            false => by_row(columns.len(), size(count).min(most), values),
        };
        let (into, conflict) = (A::Entity::default().table_name(), self.on_conflict(&columns));
        let sql = format!(r#"INSERT INTO "{into}" ({}) {source}{conflict}"#, names(&columns));
        Ok(Some(Statement::from_sql_and_values(self.backend, sql, values)))
    }

    fn on_conflict(&self, columns: &[Column<A>]) -> String {
        let keys: Vec<Column<A>> =
            <A::Entity as EntityTrait>::PrimaryKey::iter().map(|key| key.into_column()).collect();
        let is_key = |column: &&Column<A>| keys.iter().any(|key| key.as_str() == column.as_str());
        let replaced = |column: &Column<A>| format!("{0} = excluded.{0}", name(column));
        match self.conflict {
            Conflict::Fail => String::new(),
            Conflict::Leave => format!(" ON CONFLICT ({}) DO NOTHING", names(&keys)),
            Conflict::Replace => {
                let others = columns.iter().filter(|column| !is_key(column)).map(replaced).collect::<Vec<_>>();
                format!(" ON CONFLICT ({}) DO UPDATE SET {}", names(&keys), others.join(", "))
            }
        }
    }
}

/// Of how many rows SQLite is told when there are so many: a power of two, or half as many again.
fn size(rows: usize) -> usize {
    let power = rows.next_power_of_two();
    let less = power / 4 * 3;
    if rows <= less { less } else { power }
}

/// Where rows of so many columns come from, as SQLite takes them: each value by itself. Of `size` rows those that are
/// missing are of nulls.
fn by_row(columns: usize, size: usize, mut values: Vec<Value>) -> (String, Vec<Value>) {
    values.resize(size * columns, Value::String(None));
    let row = format!("({})", vec!["?"; columns].join(", "));
    let rows = vec![row; size].join(", ");
    (format!("SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL"), values)
}

/// The same as PostgreSQL takes them: a list for each column. A list holds no null, so that one with nulls comes with
/// another that tells which those are.
fn by_column(columns: usize, values: Vec<Value>) -> (String, Vec<Value>) {
    let mut lists: Vec<Vec<Value>> = (0..columns).map(|_| Vec::with_capacity(values.len() / columns)).collect();
    for (place, value) in values.into_iter().enumerate() {
        lists[place % columns].push(value);
    }
    let (mut selected, mut names, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |name: String, list: Vec<Value>| {
        taken.push(Value::Array(list[0].array_type(), Some(Box::new(list))));
        names.push(name);
    };
    for (place, mut list) in lists.into_iter().enumerate() {
        let missing: Vec<bool> = list.iter().map(|value| !value.is_some()).collect();
        if !missing.contains(&true) {
            selected.push(format!("c{place}"));
        } else {
            selected.push(format!("CASE WHEN n{place} THEN NULL ELSE c{place} END"));
            list.iter_mut().filter(|value| !value.is_some()).for_each(|value| *value = value.dummy_value());
            take(format!("n{place}"), missing.into_iter().map(Value::from).collect());
        }
        take(format!("c{place}"), list);
    }
    let given: Vec<String> = (1..=taken.len()).map(|place| format!("${place}")).collect();
    let (selected, given, names) = (selected.join(", "), given.join(", "), names.join(", "));
    (format!("SELECT {selected} FROM UNNEST({given}) AS given ({names})"), taken)
}

fn names(columns: &[impl ColumnTrait]) -> String {
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn name(column: &impl ColumnTrait) -> String {
    format!(r#""{}""#, column.as_str())
}

/// The values that are set, in the order of their columns.
fn set<A: ActiveModelTrait>(mut row: A) -> impl Iterator<Item = (Column<A>, Value)> {
    <Column<A>>::iter().filter_map(move |column| match row.take(column) {
        ActiveValue::Set(value) | ActiveValue::Unchanged(value) => Some((column, value)),
        ActiveValue::NotSet => None,
    })
}
