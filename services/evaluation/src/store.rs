//! The evaluation store: who was to be contacted, who was assigned, what came of it, and what was measured. One file a
//! noun; queries begin tenant-scoped. Rows come from two feeds whose order to each other is arbitrary, so none of them
//! depends on another being there.

pub mod assignment;
pub mod entity;
pub mod exposure;
pub mod measure;
pub mod member;
pub mod migration;
pub mod outcome;
pub mod response;
pub mod review;

pub use huan_chassis::store::{Store, Tx};
pub use migration::Migrator;

use std::{collections::BTreeMap, collections::btree_map::Entry};

use huan_chassis::Result;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait as _, DbErr, EntityTrait, IdenStatic as _, IntoActiveModel, Iterable as _,
    PrimaryKeyToColumn as _, QueryResult, Statement,
    sea_query::{Alias, Expr, ExprTrait as _, OnConflict},
};

/// The most values that one statement may bind: SQLite allows 32,766.
const MAX_BINDS: usize = 30_000;

/// Inserts rows in the order of their keys, as many a statement as it may bind; `conflict` says what becomes of those
/// whose key is taken. No key may come twice.
async fn insert<M, E, A>(tx: &Tx, rows: Vec<M>, conflict: OnConflict) -> Result<()>
where
    M: IntoActiveModel<A>,
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E> + Send,
{
    let size = MAX_BINDS / E::Column::iter().count();
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let chunk: Vec<A> = rows.by_ref().take(size).collect();
        E::insert_many(chunk).on_conflict(conflict.clone()).exec_without_returning(&**tx).await?;
    }
    Ok(())
}

/// Runs a statement of ours about one tenant, which is $1, and reads its rows.
async fn rows<T>(
    store: &Store,
    sql: &str,
    tenant: &str,
    read: impl Fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<Vec<T>> {
    let db = store.read();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [tenant.into()]);
    Ok(db.query_all_raw(statement).await?.iter().map(read).collect::<Result<_, _>>()?)
}

/// Leaves the row that is there.
fn first_stays<E: EntityTrait>() -> OnConflict {
    OnConflict::columns(key::<E>()).do_nothing().to_owned()
}

/// Takes the new row in the place of the one that is there.
fn newest_stays<E: EntityTrait>() -> OnConflict {
    let keys = key::<E>();
    let is_key = |column: &E::Column| keys.iter().any(|key| key.as_str() == column.as_str());
    let others: Vec<_> = E::Column::iter().filter(|column| !is_key(column)).collect();
    OnConflict::columns(keys).update_columns(others).to_owned()
}

/// Keeps the row with the smaller `time`; of two of one time, the one that is there.
fn earliest_stays<E: EntityTrait>(time: E::Column) -> OnConflict {
    let keys = key::<E>();
    let is_key = |column: &E::Column| keys.iter().any(|key| key.as_str() == column.as_str());
    let others: Vec<_> = E::Column::iter().filter(|column| !is_key(column)).collect();
    let earlier = Expr::col((Alias::new("excluded"), time)).lt(Expr::col((E::default(), time)));
    OnConflict::columns(keys).update_columns(others).action_and_where(earlier).to_owned()
}

fn key<E: EntityTrait>() -> Vec<E::Column> {
    E::PrimaryKey::iter().map(|key| key.into_column()).collect()
}

/// One row a key, in the order of the keys, so that no writer waits for another that waits for it: the row with the
/// smallest `time`, and of several the first.
fn earliest<R, K: Ord>(rows: Vec<R>, key: impl Fn(&R) -> K, time: impl Fn(&R) -> i64) -> Vec<R> {
    let mut kept = BTreeMap::new();
    for row in rows {
        match kept.entry(key(&row)) {
            Entry::Vacant(free) => {
                free.insert(row);
            }
            Entry::Occupied(mut taken) if time(&row) < time(taken.get()) => {
                taken.insert(row);
            }
            Entry::Occupied(_) => {}
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_row_of_a_key_is_kept_and_of_several_the_first() {
        let rows = vec![("b", 5, 1), ("a", 3, 2), ("b", 4, 3), ("b", 4, 4)];
        assert_eq!(earliest(rows, |row| row.0, |row| row.1), [("a", 3, 2), ("b", 4, 3)]);
    }
}
