//! The profile store: what of it all nouns share. One file a noun; queries begin tenant-scoped. A write locks the
//! customers that it touches, in the order of their ids, before it reads what it changes.

pub mod build;
pub mod bulk;
pub mod consent;
pub mod customer;
pub mod customer_key;
pub mod dead_letter;
pub mod entity;
pub mod erasure;
pub mod event;
mod event_day;
pub mod event_type;
pub mod expansion;
pub mod export;
pub mod feature;
pub mod hold;
pub mod holding;
pub mod identity;
pub mod ingest;
pub mod intake;
pub mod lookup;
pub mod merge;
pub mod kyc;
pub mod migration;
pub mod person;
pub mod profile;
pub mod relation;
pub mod related;
pub mod proposal;
pub mod roll;
pub mod root;
pub mod seal;
pub mod snapshot;
pub mod tag;
pub mod tag_definition;
pub mod tenant;
pub mod vector;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use huan_chassis::{
    Error, Result,
    commit::Writer,
    page,
    store::{
        Store as Database, Tx,
        rows::{self, Conflict},
    },
};
use huan_proto::profile::v1::GetProfileResponse;
use sea_orm::{ActiveModelTrait, ColumnTrait, ExprTrait, IntoActiveModel, Value, sea_query::Expr};
use tokio::sync::Notify;

use self::tenant::Tenants;

/// The most values that one statement may bind: SQLite allows 32,766.
const MAX_BINDS: usize = 30_000;
/// Customers a statement or a transaction at a time.
const CHUNK: usize = 500;
/// What is wrong with a row's customer_id.
const UNKNOWN: &str = "is not a customer";
/// Batches a group commit at most.
const GROUP: usize = 16;
/// Writers of events, each of other customers, where the database lets several write.
const WRITERS: usize = 2;
/// Reads of profiles that are answered together at most, and how many such groups at a time.
const READS: usize = 32;
const READERS: usize = 2;

/// The store of the profile service. Clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    db: Database,
    tenants: Arc<Tenants>,
    ingest: Arc<[Writer<Arc<ingest::Job>, ingest::Taken>]>,
    readers: Arc<Readers>,
    roll: Arc<Notify>,
    exports: Arc<Notify>,
    build: Arc<Notify>,
    letters: Arc<dead_letter::Letters>,
}

impl Store {
    /// Wraps an open database whose schema is up to date, and starts its writer.
    pub fn new(db: Database) -> Self {
        let writer = |_| {
            let db = db.clone();
            Writer::spawn(GROUP, move |jobs| Box::pin(ingest::apply(db.clone(), jobs)))
        };
        let ingest = (0..if db.has_one_writer() { 1 } else { WRITERS }).map(writer).collect();
        let tenants = Arc::new(Tenants::new(db.clone()));
        let readers = Arc::new(Readers::start(&db));
        Self {
            db,
            tenants,
            ingest,
            readers,
            roll: Arc::default(),
            exports: Arc::default(),
            build: Arc::default(),
            letters: Arc::default(),
        }
    }

    /// The database, for what the chassis does with it.
    pub fn database(&self) -> &Database {
        &self.db
    }
}

/// Those who read profiles for whoever asks, in turn.
#[derive(Debug)]
struct Readers {
    readers: [Writer<Arc<profile::Asked>, GetProfileResponse>; READERS],
    asked: AtomicUsize,
}

impl Readers {
    fn start(db: &Database) -> Self {
        let reader = |_| {
            let db = db.clone();
            Writer::spawn(READS, move |asked| Box::pin(profile::answer(db.clone(), asked)))
        };
        Self { readers: std::array::from_fn(reader), asked: AtomicUsize::new(0) }
    }

    fn next(&self) -> &Writer<Arc<profile::Asked>, GetProfileResponse> {
        &self.readers[self.asked.fetch_add(1, Ordering::Relaxed) % READERS]
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

/// Runs of at most `size` rows, each moved out.
fn chunks<T>(rows: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rows.by_ref().take(size.max(1)).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// A pattern for LIKE … ESCAPE '\' that everything below an organisation path matches.
fn below(path: &str) -> sea_orm::sea_query::LikeExpr {
    let path = path.trim_end_matches('/').replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
    sea_orm::sea_query::LikeExpr::new(format!("{path}/%")).escape('\\')
}

/// A condition that a column is one of some values, of which there is mostly one: the index then serves the order too.
fn one_of(column: impl ColumnTrait, values: &[String]) -> Expr {
    match values {
        [value] => column.eq(value),
        values => column.is_in(values),
    }
}

/// Cuts a list that was read one row too long, and makes the token of the page after it; "" at the end.
fn next_page<T>(filter: &[&str], rows: &mut Vec<T>, limit: u64, key: impl Fn(&T) -> Vec<String>) -> String {
    if rows.len() <= limit as usize {
        return String::new();
    }
    rows.truncate(limit as usize);
    let key = rows.last().map(key).unwrap_or_default();
    page::next_token(filter, &key.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What lies after a row in a list that ascends by these columns, given that row's values. One comparison of tuples, which
/// both databases answer from an index.
fn after<C: ColumnTrait, const N: usize>(columns: [C; N], values: [Value; N]) -> Expr {
    Expr::tuple(columns.map(|column| column.into_expr())).gt(Expr::tuple(values.map(Expr::value)))
}

/// What lies after a row in a list that descends by these columns.
fn before<C: ColumnTrait, const N: usize>(columns: [C; N], values: [Value; N]) -> Expr {
    Expr::tuple(columns.map(|column| column.into_expr())).lt(Expr::tuple(values.map(Expr::value)))
}

/// A number in a page token. Errors: InvalidPageToken.
fn token_number(key: &[String], place: usize) -> Result<i64> {
    key.get(place).and_then(|text| text.parse().ok()).ok_or(Error::InvalidPageToken)
}

/// A text in a page token. Errors: InvalidPageToken.
fn token_text(key: &[String], place: usize) -> Result<&str> {
    key.get(place).map(String::as_str).ok_or(Error::InvalidPageToken)
}
