//! `huan bench profile`, or one of its parts: the profile service alone beside its limits, on SQLite and, where a
//! PostgreSQL is given, on that too. Nothing else runs in the process, so that what is measured is this service.

mod backfill;
mod ingest;
mod load;
mod read;
mod visible;

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path, sync::Arc};

use huan_chassis::{
    client, config, feed,
    store::{self, Store},
    token::Keys,
};
use huan_profile::store::migration::Migrator;
use huan_proto::profile::v1::{self as pb, profile_service_client::ProfileServiceClient};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Options, Row};
use crate::{
    bank::Bank,
    demo::{self, Desk},
    failure::{Failure, Result},
    suite::{self, Doors},
};

/// The tenant that is worked on.
const TENANT: &str = "bench";

/// What is measured, each on services of its own.
pub const PARTS: [&str; 4] = ["profile-ingest", "profile-visible", "profile-read", "profile-load"];

/// The databases that are measured.
pub fn places(options: &Options) -> Vec<Place> {
    let place = |database: Option<&str>| Place {
        postgres: database.map(str::to_owned),
        name: database.map_or("SQLite", |_| "PostgreSQL"),
    };
    std::iter::once(None).chain(options.postgres.as_deref().map(Some)).map(place).collect()
}

/// Measures one of the parts on one of the databases.
pub async fn run(part: &str, options: &Options, place: &Place) -> Result<Vec<Row>> {
    match part {
        "profile-ingest" => ingest::run(options, place).await,
        "profile-visible" => visible::run(options, place).await,
        "profile-read" => read::run(options, place).await,
        _ => load::run(options, place).await,
    }
}

/// Where stores are made.
pub struct Place {
    /// A server on which databases may be made; none = SQLite files.
    postgres: Option<String>,
    /// For people.
    pub(super) name: &'static str,
}

impl Place {
    /// The URL of a new and empty database; files lie in the folder.
    pub(super) async fn database(&self, folder: &Path, what: &str) -> Result<config::Database> {
        let url = match &self.postgres {
            None => format!("sqlite://{}/{what}.db?mode=rwc", folder.display()),
            Some(server) => fresh(server, what).await?,
        };
        Ok(config::Database { url, max_connections: 8 })
    }

    /// Lets PostgreSQL write the files of its log again, as one in use does: a new one makes each anew, which
    /// holds up who commits for 50 ms and more.
    pub(super) async fn settle(&self) -> Result<()> {
        if let Some(server) = &self.postgres {
            let db = connect(server).await?;
            db.execute_unprepared("CHECKPOINT").await.map_err(huan_chassis::Error::from)?;
        }
        Ok(())
    }

    /// An empty store with the service's schema, for what is done without the service.
    async fn bare(&self, folder: &Path) -> Result<Store> {
        Ok(Store::open::<Migrator>(&self.database(folder, "bare").await?).await?)
    }
}

/// A running profile service with a store of its own.
struct Service {
    desk: Desk,
    keys: Arc<Keys>,
    database: config::Database,
    stop: oneshot::Sender<()>,
    task: JoinHandle<huan_chassis::Result<()>>,
    _folder: tempfile::TempDir,
}

impl Service {
    async fn start(place: &Place) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config: huan_profile::Config = config::load(huan_profile::NAME, huan_profile::DEFAULTS, None)?;
        config.database = place.database(folder.path(), "profile").await?;
        config.keys.url = place.database(folder.path(), "keys").await?.url;
        config.keys.master_file = folder.path().join("master.key");
        suite::make_master(&config.keys.master_file)?;
        let database = config.database.clone();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let keys = Arc::new(Keys::generate().0);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // Whoever drops the other end wants the end too.
            let _ = stopped.await;
        };
        let task = tokio::spawn(huan_profile::serve(config, keys.clone(), listener, shutdown));
        let doors =
            Doors { gateway: address, services: BTreeMap::from([(huan_profile::NAME, address)]), keys: keys.clone() };
        Ok(Self { desk: Desk::new(&doors, TENANT)?, keys, database, stop, task, _folder: folder })
    }

    /// A service with the customers of a simulated bank, without events.
    async fn with_customers(place: &Place, bank: &Bank) -> Result<Self> {
        let service = Self::start(place).await?;
        demo::load_customers(&service.desk, bank).await?;
        Ok(service)
    }

    /// The vectors as they change from now on.
    async fn watch(&self) -> Result<tonic::Streaming<pb::WatchProfilesResponse>> {
        let cursor = feed::head(&Store::new(store::connect(&self.database).await?)).await?.to_string();
        let request =
            pb::WatchProfilesRequest { cursor, kinds: vec![pb::ChangeKind::Vector.into()], ..Default::default() };
        let request = client::as_service(&self.keys, "bench", None, request);
        let channel = self.desk.door("auditor").channel;
        Ok(ProfileServiceClient::new(channel).watch_profiles(request).await?.into_inner())
    }

    async fn stop(self) -> Result<()> {
        drop(self.stop);
        self.task.await.map_err(|error| Failure::new(error.to_string()))??;
        Ok(())
    }
}

async fn connect(server: &str) -> Result<DatabaseConnection> {
    Database::connect(server).await.map_err(|error| Failure::usage(format!("{server}: {error}")))
}

/// Makes a database on a server; one of the same name from a run before is removed.
async fn fresh(server: &str, what: &str) -> Result<String> {
    let name = format!("huan_bench_{what}");
    let db = connect(server).await?;
    for statement in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        db.execute_unprepared(&statement).await.map_err(huan_chassis::Error::from)?;
    }
    let (head, query) =
        server.split_once('?').map_or((server, String::new()), |(head, query)| (head, format!("?{query}")));
    let (base, _) =
        head.rsplit_once('/').ok_or_else(|| Failure::usage("--postgres needs a URL that names a database"))?;
    Ok(format!("{base}/{name}{query}"))
}
