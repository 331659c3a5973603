//! A service's database: SQLite or PostgreSQL behind one handle that reads freely and writes one transaction at a
//! time where the database allows no more. It owns connections, transactions and migrations; what is in the tables is
//! each service's.

use std::{
    fs::File,
    future::Future,
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqlErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{Error, Result, config, vault::Vault};

mod checkpoint;
mod collation;
mod copy;
pub mod lists;
pub mod rows;
mod scrub;
mod statistics;
#[cfg(feature = "testing")]
pub mod test;

/// How long a caller waits for a connection. Who reads past an open transaction of its own in a database that lives in
/// memory waits for itself: it fails after this.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long SQLite waits for a lock that another process holds, such as a backup.
const BUSY: Duration = Duration::from_secs(5);
/// What a SQLite connection keeps of the file in memory at most, in negative KiB, as SQLite wants it. The one that writes
/// keeps a batch's pages until its commit, where the default of 2 MB writes some of them twice, and for the next batch:
/// what nobody else has written stays true. Each of those that read forgets what it kept with the next commit.
const CACHE: (&str, &str) = ("-32768", "-4096");
/// Pages of the log after which a commit moves it into the file, four times as many as `checkpoint` leaves there.
const LOG: &str = "1048576";
/// Rows that a SQLite connection reads ahead.
const ROWS: usize = 500;
/// A PostgreSQL connection that was idle for longer is tried before it is used.
const IDLE: Duration = Duration::from_secs(30);
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 500;
/// Replicas that start together migrate one after the other under this advisory lock ("huan").
const MIGRATION_LOCK: i64 = 0x6875_616e;

/// A service's database. Clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    db: DatabaseConnection,
    // Where transactions begin: on SQLite always the same connection.
    write: DatabaseConnection,
    // SQLite has one writer: who waits here is served in order, where its own busy handler would let them starve.
    writer: Option<Arc<Semaphore>>,
    published: watch::Sender<()>,
    closed: CancellationToken,
    commits: Arc<AtomicU64>,
    // SQLite's file, if there is one.
    file: Option<&'static File>,
    vault: Option<Vault>,
}

impl Store {
    /// Connects, then brings the schema up to date, and lets leave the files what a crash kept there.
    pub async fn open<M: MigratorTrait>(config: &config::Database) -> Result<Self> {
        Self::open_caching::<M>(config, CACHE.0).await
    }

    /// The same, where SQLite's connection that writes is told what to keep in memory.
    pub(crate) async fn open_caching<M: MigratorTrait>(config: &config::Database, cache: &'static str) -> Result<Self> {
        let db = connect(config).await?;
        migrate::<M>(&db).await?;
        let write = if is_file(&config.url) { connect_writer(config, cache).await? } else { db.clone() };
        let file = file(&db).await?;
        let store = Self { write, file, ..Self::new(db) };
        if store.is_postgres() {
            store.spawn_statistics();
        } else {
            store.finish_scrub().await?;
            store.spawn_checkpoints();
        }
        Ok(store)
    }

    /// Wraps a connection whose schema is up to date.
    pub fn new(db: DatabaseConnection) -> Self {
        let writer = (db.get_database_backend() == DbBackend::Sqlite).then(|| Arc::new(Semaphore::new(1)));
        let (published, closed, commits) = (watch::Sender::new(()), CancellationToken::new(), Arc::default());
        Self { write: db.clone(), db, writer, published, closed, commits, file: None, vault: None }
    }

    /// The same store, whose envelopes are sealed under the keys of this vault.
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// The keys of what is read here. Errors: internal, if the store was opened without any.
    pub fn vault(&self) -> Result<&Vault> {
        self.vault.as_ref().ok_or_else(no_vault)
    }

    /// Where to read. A caller that holds a [`Tx`] reads through that instead.
    pub fn read(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Begins a write transaction. On SQLite there is one at a time, first come first served, and it takes the write
    /// lock at once, so that no reader turns writer half-way and finds the database busy.
    pub async fn begin(&self) -> Result<Tx> {
        let permit = self.permit().await;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = self.write.begin_with_options(immediate).await?;
        let (published, gone) = (AtomicBool::new(false), Mutex::default());
        Ok(Tx { tx, published, gone, store: self.clone(), _permit: permit })
    }

    /// Ends every watch and consumer of this store's feeds, so that a server can drain.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Completes once [`Store::close`] was called.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.closed.clone().cancelled_owned()
    }

    /// Changes whenever this process has committed something to its feed.
    pub(crate) fn published(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }

    /// Whose turn it is to write, where there is one at a time.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        match &self.writer {
            Some(writer) => Some(writer.clone().acquire_owned().await.expect("the semaphore is never closed")),
            None => None,
        }
    }

    /// Whether one transaction writes at a time.
    pub fn has_one_writer(&self) -> bool {
        self.writer.is_some()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.db.get_database_backend() == DbBackend::Postgres
    }
}

/// A write transaction. Dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub struct Tx {
    tx: DatabaseTransaction,
    published: AtomicBool,
    gone: Mutex<Vec<String>>,
    store: Store,
    // Last: given back once the transaction above has ended.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Tx {
    /// Makes the writes durable, then wakes the feed's watchers if any of them was published.
    pub async fn commit(self) -> Result<()> {
        let Self { tx, published, gone, store, _permit: permit } = self;
        tx.commit().await?;
        drop(permit);
        store.commits.fetch_add(1, Ordering::Relaxed);
        if published.into_inner() {
            store.published.send_replace(());
        }
        let gone = gone.into_inner().unwrap_or_else(|broken| broken.into_inner());
        if !gone.is_empty() {
            store.scrub(gone).await;
        }
        Ok(())
    }

    /// The keys of what is read and written here. Errors: internal, if the store was opened without any.
    pub fn vault(&self) -> Result<&Vault> {
        self.store.vault()
    }

    /// Notes that the feed has grown.
    pub(crate) fn mark_published(&self) {
        self.published.store(true, Ordering::Relaxed);
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.tx
    }
}

/// Connects to `sqlite://path`, `sqlite::memory:` or `postgres://…`. A SQLite file and its folder are made if missing.
pub async fn connect(config: &config::Database) -> Result<DatabaseConnection> {
    connect_with(config, CACHE.1).await
}

/// Connects to the file once more: by one connection, for the one who writes.
async fn connect_writer(config: &config::Database, cache: &'static str) -> Result<DatabaseConnection> {
    connect_with(&config::Database { max_connections: 1, ..config.clone() }, cache).await
}

fn is_file(url: &str) -> bool {
    url.strip_prefix("sqlite:").is_some_and(|place| !place.trim_start_matches("//").starts_with(":memory:"))
}

async fn connect_with(config: &config::Database, cache: &'static str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(&config.url);
    options.max_connections(config.max_connections).acquire_timeout(ACQUIRE).sqlx_logging(false);
    if let Some(place) = config.url.strip_prefix("sqlite:") {
        let place = place.trim_start_matches("//");
        if !is_file(&config.url) {
            // Each connection would be a database of its own, and it lives as long as its connection does.
            options.max_connections(1).min_connections(1).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        } else {
            make_folder(place)?;
        }
        let sqlite = move |options| sqlite(options).pragma("cache_size", cache);
        options.test_before_acquire(false).map_sqlx_sqlite_opts(sqlite);
    } else {
        options.test_before_acquire_if_idle_for(IDLE);
        options.map_sqlx_postgres_opts(|options| options.statement_cache_capacity(STATEMENTS));
    }
    #[cfg_attr(not(feature = "testing"), allow(unused_mut, reason = "only tests listen"))]
    let mut db = Database::connect(options).await?;
    #[cfg(feature = "testing")]
    test::listen(&mut db);
    Ok(db)
}

/// Brings the schema up to date.
pub async fn migrate<M: MigratorTrait>(db: &DatabaseConnection) -> Result<()> {
    if db.get_database_backend() != DbBackend::Postgres {
        M::up(db, None).await?;
        return statistics::tell(db).await;
    }
    let tx = db.begin().await?;
    tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
    M::up(&tx, None).await?;
    collation::by_bytes(&tx).await?;
    Ok(tx.commit().await?)
}

/// Tells whether a write failed because a unique value is taken.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn sqlite(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits with the power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .statement_cache_capacity(STATEMENTS)
        // Rows wait for who reads them rather than the other way round.
        .row_buffer_size(ROWS)
        .pragma("temp_store", "MEMORY")
        // Commits leave the log alone, unless it gets very long: see `checkpoint`.
        .pragma("wal_autocheckpoint", LOG)
        .foreign_keys(true)
        // What is deleted is overwritten, pages that fall free as well, which FAST would leave: an erased person's rows
        // must not be found in the file. Little is deleted otherwise, mostly old rows of feeds.
        .pragma("secure_delete", "ON")
}

/// Opens the file that a SQLite database lives in; none if it lives in memory. It is opened once and never closed: with
/// the first handle that a process closes it loses all of its locks on that file, those of SQLite's connections too, and
/// the next process that looks into the database takes away the log that this one writes to
/// (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
async fn file(db: &DatabaseConnection) -> Result<Option<&'static File>> {
    if db.get_database_backend() != DbBackend::Sqlite {
        return Ok(None);
    }
    // The main database stands first.
    let list = Statement::from_string(DbBackend::Sqlite, "PRAGMA database_list");
    let path = match db.query_one_raw(list).await? {
        Some(row) => row.try_get::<Option<String>>("", "file")?.filter(|path| !path.is_empty()),
        None => None,
    };
    let Some(path) = path else { return Ok(None) };
    let file = File::open(&path).map_err(|error| Error::Internal(format!("{path}: {error}")))?;
    Ok(Some(Box::leak(Box::new(file))))
}

fn no_vault() -> Error {
    Error::Internal("the store was opened without keys".into())
}

fn make_folder(place: &str) -> Result<()> {
    let path = Path::new(place.split('?').next().unwrap_or_default());
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| Error::Internal(format!("{}: {error}", folder.display())))
        }
        None => Ok(()),
    }
}
