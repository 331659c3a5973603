//! The strategy store: what of it all nouns share. One file a noun; queries begin tenant-scoped. Locks are taken in one
//! order everywhere: customers, contacts, the load of channels, each in the order of its key.

pub mod assignment;
pub mod batch;
pub mod channel;
pub mod contact;
pub mod customer;
pub mod decide;
pub mod decision;
pub mod entity;
pub mod erasure;
pub mod map;
pub mod migration;
pub mod objective;
pub mod product;
pub mod published;
pub mod response;
pub mod script;
pub mod strategy;
pub mod tenant;
pub mod watch;

use std::sync::Arc;

use chrono::TimeDelta;
use huan_chassis::{
    Error, Result,
    commit::Writer,
    page,
    store::{
        Store as Database, Tx,
        rows::{self, Conflict},
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, IntoActiveModel, Order, Value};

use self::{customer::Memory, decide::Deciding, published::Maps};
use crate::holdout::MasterKey;

/// The most values that one statement may bind: SQLite allows 32,766.
const MAX_BINDS: usize = 30_000;

/// The store of the strategy service. Clones share everything.
#[derive(Clone)]
pub struct Store {
    db: Database,
    maps: Arc<Maps>,
    owners: Arc<Memory>,
    writer: Writer<Arc<batch::Job>, batch::Outcome>,
}

impl Store {
    /// Wraps an open database whose schema is up to date, and starts the writer of decisions: up to `max_batch` a
    /// commit, whose contacts stay reserved for `reservation`.
    pub fn new(db: Database, key: MasterKey, max_batch: usize, reservation: TimeDelta) -> Store {
        let deciding = Deciding::new(db.clone(), key, reservation);
        let writer = Writer::spawn(max_batch, move |jobs| {
            let deciding = deciding.clone();
            Box::pin(async move { deciding.decide_batch(&jobs).await })
        });
        Store { maps: Arc::new(Maps::new(db.clone())), owners: Arc::default(), db, writer }
    }

    /// The database, for what the chassis does with it.
    pub fn database(&self) -> &Database {
        &self.db
    }
}

/// Inserts rows, or replaces those with the same key.
async fn upsert<M, A>(tx: &Tx, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    rows::write(tx, rows, Conflict::Replace).await
}

/// Inserts rows.
async fn insert<M, A>(tx: &Tx, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    rows::write(tx, rows, Conflict::Fail).await
}

/// Runs of at most `size` rows, each moved out.
fn chunks<T>(rows: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rows.by_ref().take(size.max(1)).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Cuts a list that was read one row too long, and makes the token of the page after it; "" at the end.
fn next_page<T>(filter: &[&str], rows: &mut Vec<T>, limit: u64, key: impl Fn(&T) -> &str) -> String {
    if rows.len() <= limit as usize {
        return String::new();
    }
    rows.truncate(limit as usize);
    rows.last().map_or_else(String::new, |last| page::next_token(filter, &[key(last)]))
}

/// The id after which a list goes on; "" = from its start. Errors: InvalidPageToken.
fn after(page: &page::Page) -> Result<String> {
    match page.after.as_deref() {
        None => Ok(String::new()),
        Some([id]) => Ok(id.clone()),
        Some(_) => Err(Error::InvalidPageToken),
    }
}

/// What lies beyond a row in a list ordered by these columns, each with that row's value.
fn beyond<C: ColumnTrait>(keys: Vec<(C, Value, Order)>) -> Condition {
    let step = |place: usize| {
        let (column, value, order) = &keys[place];
        let further = match order {
            Order::Desc => column.lt(value.clone()),
            _ => column.gt(value.clone()),
        };
        let equal = keys[..place].iter().map(|(column, value, _)| column.eq(value.clone()));
        equal.fold(Condition::all(), Condition::add).add(further)
    };
    (0..keys.len()).map(step).fold(Condition::any(), Condition::add)
}
