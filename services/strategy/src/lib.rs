//! Strategy: what is done with whom, why, and what came of each decision. Objectives, products, channels, scripts and
//! strategies, published as one map; decisions by that map, each with its record. Begin reading with `decide`, then
//! `store::decide`.

pub mod config;
pub mod convert;
pub mod decide;
pub mod explain;
pub mod holdout;
pub mod input;
pub mod lifecycle;
pub mod map;
pub mod profile;
pub mod record;
pub mod rpc;
pub mod script;
pub mod segment;
pub mod store;

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::{
    Error, Result, client, clock, feed,
    server::{self, Parts},
    store::Store as Database,
    token::Keys,
    vault::Vault,
};
use tokio::net::TcpListener;

pub use config::{Config, DEFAULTS};
pub use decide::{CompiledMap, decide};

use crate::{
    holdout::MasterKey,
    rpc::Rpc,
    segment::Segment,
    store::{Store, migration::Migrator},
};

/// The service's name.
pub const NAME: &str = "strategy";

/// How often reservations that ran out are given back.
const SWEEP: Duration = Duration::from_secs(30);
/// The least bytes of a holdout key.
const KEY_BYTES: usize = 32;

/// Serves until `shutdown`, then drains. Errors: a store, or its keys, that cannot be opened; a
/// holdout key that cannot be read.
pub fn serve(
    config: Config,
    keys: Arc<Keys>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, Result<()>> {
    run(config, keys, listener, shutdown.boxed())
}

/// Knows no type of a caller's, so that the whole service is compiled in this crate, and not anew in each binary and test
/// that starts it.
fn run(
    config: Config,
    keys: Arc<Keys>,
    listener: TcpListener,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let key = holdout_key(&config.holdout.key_file)?;
        let vault = Vault::open(&config.keys).await?;
        vault.spawn_rotation();
        let database = Database::open::<Migrator>(&config.database).await?.with_vault(vault);
        let reservation = TimeDelta::minutes(config.decision.reservation_minutes);
        let store = Store::new(database.clone(), key, config.decision.max_batch, reservation);
        let profile = client::connect_lazy(&config.profile, keys.clone(), NAME).await?;
        let segment = client::connect_lazy(&config.segment, keys.clone(), NAME).await?;
        let status = feed::Status::new("profile");
        tokio::spawn(profile::consume(database.clone(), profile, status.clone()));
        tokio::spawn(feed::retain(database.clone(), config.feed.clone()));
        tokio::spawn(sweep(store.clone()));
        let rpc = Rpc {
            store: store.clone(),
            segment: Segment::new(segment, config.decision.wait_millis),
            profile: status,
            wait: Duration::from_millis(config.decision.wait_millis),
            feed: config.feed,
        };
        let parts = Parts { service: NAME, routes: rpc.routes(), keys, owners: Arc::new(store), names: rpc::NAMES };
        let shutdown = async move {
            shutdown.await;
            database.close();
        };
        server::serve(parts, listener, shutdown).await
    })
}

// Gives back reservations that ran out, until the store is closed.
async fn sweep(store: Store) {
    let closed = store.database().closed();
    tokio::pin!(closed);
    loop {
        match store.free_expired(clock::system_now()).await {
            Ok(0) => (),
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "reservations that ran out are kept"),
        }
        tokio::select! {
            () = &mut closed => return,
            () = tokio::time::sleep(SWEEP) => (),
        }
    }
}

/// Reads the key of the holdout draws; a file that is missing is made, for its owner's eyes only. Errors: Internal.
pub fn holdout_key(file: &Path) -> Result<MasterKey> {
    let fault = |error: io::Error| Error::Internal(format!("{}: {error}", file.display()));
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(file).map_err(fault)?,
        read => read.map_err(fault)?,
    };
    if bytes.len() < KEY_BYTES {
        return Err(Error::Internal(format!("{}: has fewer than {KEY_BYTES} bytes", file.display())));
    }
    Ok(MasterKey::new(&bytes))
}

fn make_key(file: &Path) -> io::Result<Vec<u8>> {
    use io::Write as _;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = format!("{}{}\n", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut made) => made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map(|()| text.into_bytes()),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(file),
        Err(error) => Err(error),
    }
}
