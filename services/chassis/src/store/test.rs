//! Databases for tests: SQLite, and a PostgreSQL that the test process starts for itself and that ends with it. It
//! owns that server's life. A machine without PostgreSQL fails these tests; it does not skip them.
//!
//! `initdb` runs once a machine and its result is copied, so that a server of one's own costs a fraction of a second.
//! Each process has its own because transaction ids, on which feeds wait, are shared by all databases of a server.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Store, connect};
use crate::{
    config,
    vault::{Masters, Vault},
};

/// Connections of one test database.
const CONNECTIONS: u32 = 8;
/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);
/// Stops the server and removes its folder when standard input ends, which it does however the test process ends.
const LEASH: &str = r#"trap '' INT TERM HUP
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=300 -c shared_buffers=32MB -c autovacuum=off \
    -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 </dev/null >"$2/log" 2>&1 &
read -r _
kill -QUIT $!
wait $!
rm -rf "$2""#;

/// Runs a suite on SQLite in memory, then on PostgreSQL, each time on a fresh database of the given schema.
pub async fn each<M: MigratorTrait>(_migrator: M, suite: impl AsyncFn(Store)) {
    for (name, database) in [("sqlite", sqlite()), ("postgres", postgres().await)] {
        let _named = Named(name);
        let store = Store::open::<M>(&database).await.expect("a fresh database takes the schema");
        let store = store.with_vault(Vault::open(&keys()).await.expect("a vault in memory opens"));
        suite(store.clone()).await;
        store.close();
    }
}

/// A fresh SQLite database in memory. It has one connection, so a read beside an open transaction fails.
pub fn sqlite() -> config::Database {
    config::Database { url: "sqlite::memory:".into(), max_connections: 1 }
}

/// A fresh SQLite database in a file, which lives as long as the folder.
pub fn sqlite_file() -> (TempDir, config::Database) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite://{}/data/test.db", folder.path().display());
    (folder, config::Database { url, max_connections: CONNECTIONS })
}

/// A fresh PostgreSQL database. Panics, naming the package to install, if there is no PostgreSQL.
pub async fn postgres() -> config::Database {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(Server::start).await;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(&server.database("postgres")).await.expect("the server that was started can be reached");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("the server is ours");
    admin.close().await.expect("the connection can be closed");
    server.database(&name)
}

/// Writes down what every database that this process opens from now on is sent: one statement a line, with its values,
/// and of statements that differ only in values and in how many there are, the first. What failed is left out.
pub fn write_statements(file: &Path) {
    let file = File::options().create(true).append(true).open(file).expect("the file can be written");
    // A second call finds it open.
    let _ = STATEMENTS.set(Mutex::new((file, HashSet::new())));
}

static STATEMENTS: OnceLock<Mutex<(File, HashSet<String>)>> = OnceLock::new();

pub(super) fn listen(db: &mut DatabaseConnection) {
    if STATEMENTS.get().is_none() {
        return;
    }
    db.set_metric_callback(|info| {
        if !info.failed {
            note(info.statement);
        }
    });
}

pub(super) fn note(statement: &Statement) {
    let Some(statements) = STATEMENTS.get() else { return };
    let shape = statement.sql.chars().filter(|c| !c.is_ascii_digit() && !"$?(), ".contains(*c)).collect();
    let mut statements = statements.lock().unwrap_or_else(PoisonError::into_inner);
    if statements.1.insert(shape) {
        let line = statement.to_string().replace('\n', " ");
        writeln!(statements.0, "{line}").expect("the file can be written");
    }
}

/// Fresh keys in memory, under a master key that the tests of a machine share.
pub fn keys() -> config::Keys {
    let master_file = std::env::temp_dir().join("huan-test-master.key");
    if !master_file.exists() {
        let mut made = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        io::Write::write_all(&mut made, Masters::generate("test").as_bytes()).expect("and written");
        // Another process may be first, and its file stands.
        let _ = made.persist_noclobber(&master_file);
    }
    config::Keys { url: sqlite().url, master_file }
}

/// Says on which database a suite failed.
struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("on {}", self.0);
        }
    }
}

/// A running server: it stops when the process ends and the leash with it.
struct Server {
    folder: PathBuf,
    _leash: Child,
}

impl Server {
    async fn start() -> Self {
        let started = tokio::task::spawn_blocking(|| {
            let programs = Programs::find();
            let folder = programs.prepare().unwrap_or_else(|error| panic!("PostgreSQL's folder: {error}"));
            let leash = programs.leash(&folder).unwrap_or_else(|error| panic!("PostgreSQL: {error}"));
            Self { folder, _leash: leash }
        });
        let server = started.await.expect("PostgreSQL starts");
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let began = Instant::now();
        let pid = self.folder.join("data/postmaster.pid");
        while !fs::read_to_string(&pid).is_ok_and(|text| text.lines().any(|line| line.trim() == "ready")) {
            if began.elapsed() > START {
                panic!(
                    "PostgreSQL does not start:\n{}",
                    fs::read_to_string(self.folder.join("log")).unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn database(&self, name: &str) -> config::Database {
        let url = format!("postgres://test@localhost/{name}?host={}", self.folder.display());
        config::Database { url, max_connections: CONNECTIONS }
    }
}

/// PostgreSQL's programs, and the user that they run as: they refuse root.
struct Programs {
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Self {
        let is_root =
            tempfile::tempdir().and_then(|folder| fs::metadata(folder.path())).is_ok_and(|made| made.uid() == 0);
        let user = is_root.then(|| {
            let found = ["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
            found.expect("root has a user `postgres` or `nobody` to run PostgreSQL as")
        });
        let bin = folders().into_iter().find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
        let bin = bin.expect("these tests need PostgreSQL's server programs: apt-get install postgresql");
        Self { bin, user }
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        // Out of the test's process group: it must outlive the test to clean up.
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command
    }

    /// A folder with a fresh data directory.
    fn prepare(&self) -> io::Result<PathBuf> {
        let template = self.template()?;
        let folder = tempfile::Builder::new().prefix("huan-postgres-").tempdir()?;
        self.give(folder.path())?;
        run(self.command("cp").arg("-R").arg(template).arg(folder.path().join("data")))?;
        Ok(folder.keep())
    }

    /// What `initdb` makes, made once a machine, version and user.
    fn template(&self) -> io::Result<PathBuf> {
        let version = Command::new(self.bin.join("postgres")).arg("--version").output()?;
        let version = String::from_utf8_lossy(&version.stdout).replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let user = self.user.map_or_else(|| "own".into(), |(user, _)| user.to_string());
        let folder = std::env::temp_dir().join(format!("huan-template-{}{user}", version.to_lowercase()));
        fs::create_dir_all(&folder)?;
        self.give(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let template = folder.join("data");
        if !template.exists() {
            let new = folder.join("new");
            run(self.command("rm").arg("-rf").arg(&new))?;
            let mut initdb = self.command(self.bin.join("initdb"));
            initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=test"]);
            run(initdb.arg("--wal-segsize=1").arg("-D").arg(&new))?;
            fs::rename(new, &template)?;
        }
        Ok(template)
    }

    fn leash(&self, folder: &Path) -> io::Result<Child> {
        let mut shell = self.command("sh");
        shell.args(["-c", LEASH, "leash"]).arg(self.bin.join("postgres")).arg(folder);
        shell.stdin(Stdio::piped()).spawn()
    }

    fn give(&self, folder: &Path) -> io::Result<()> {
        self.user.map_or(Ok(()), |(user, group)| chown(folder, Some(user), Some(group)))
    }
}

/// Where server programs may be: on the path, or, as Debian has it, beside it, newest first.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort_by_key(|bin| std::cmp::Reverse(version_of(bin)));
    std::env::split_paths(&path).chain(versions).collect()
}

fn version_of(bin: &Path) -> Option<u32> {
    bin.parent()?.file_name()?.to_str()?.parse().ok()
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))))
}
