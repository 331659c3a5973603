//! Segment: who belongs to which group of customers. It follows profile's feed into typed columns in memory, checks and
//! evaluates rules over them, builds memberships and finds clusters. Modules in reading order.

pub mod catalogue;
pub mod chart;
pub mod cluster;
pub mod clustering;
pub mod columns;
pub mod config;
pub mod convert;
mod cores;
pub mod distribution;
pub mod drift;
pub mod explain;
pub mod feed;
pub mod history;
pub mod keeper;
pub mod live;
pub mod members;
pub mod memory;
pub mod model;
pub mod overlap;
pub mod reach;
pub mod rpc;
pub mod rule;
pub mod set_check;
pub mod store;
pub mod template;
pub mod training;
pub mod trial;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::feed::Status;
use huan_chassis::server::{self, Parts};
use huan_chassis::store::Store;
use huan_chassis::token::Keys;
use huan_chassis::{Error, Result, client, clock};
use tokio::net::TcpListener;

use self::clustering::job::Jobs;
pub use self::config::Config;
use self::keeper::Keeper;
use self::memory::Memory;
pub use self::rpc::Rpc;
pub use self::store::Migrator;

/// The service's name.
pub const NAME: &str = "segment";

/// The defaults of its configuration.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Runs the service on a listener until told to stop, then drains.
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
        let store = Store::open::<Migrator>(&config.database).await?;
        let memory = Memory::load(&store).await?;
        let status = Status::new(feed::FEED);
        let profile = client::connect_lazy(&config.profile, keys.clone(), NAME).await?;
        let keeper = keeper(&config, &listener)?;
        tokio::spawn(feed::follow(
            store.clone(),
            memory.clone(),
            profile,
            keys.clone(),
            status.clone(),
            keeper.clone(),
        ));
        let look = Duration::from_millis(config.history.look_millis);
        tokio::spawn(keeper.run(store.clone(), memory.clone(), status.clone(), look));
        tokio::spawn(huan_chassis::feed::retain(store.clone(), config.feed.clone()));
        let pause = Duration::from_millis(config.definitions.refresh_millis);
        tokio::spawn(refresh(store.clone(), memory.clone(), pause));
        tokio::spawn(training::work(store.clone(), memory.clone(), pause));
        let jobs = Jobs::default();
        tokio::spawn(clustering::job::work(store.clone(), memory.clone(), jobs.clone(), pause));
        let rpc = Rpc { store: store.clone(), memory: memory.clone(), status, feed: config.feed, jobs };
        let parts = Parts { service: NAME, routes: rpc.routes(), keys, owners: Arc::new(memory), names: rpc::NAMES };
        let closing = async move {
            shutdown.await;
            store.close();
        };
        server::serve(parts, listener, closing).await
    })
}

/// Who keeps the history of memberships here: no two processes have the same number, place and start.
fn keeper(config: &Config, listener: &TcpListener) -> Result<Keeper> {
    let place = listener.local_addr().map_err(|error| Error::Internal(format!("cannot listen: {error}")))?;
    let start = clock::micros(clock::system_now());
    let lease = Duration::from_millis(config.history.lease_millis);
    Ok(Keeper::new(format!("{} at {place} since {start}", std::process::id()), lease))
}

/// Takes over definitions that other replicas changed, and brings memberships up to date, until the store is closed.
async fn refresh(store: Store, memory: Memory, pause: Duration) {
    let work = async {
        loop {
            tokio::time::sleep(pause).await;
            if let Err(error) = memory.refresh_changed(&store).await {
                tracing::warn!(%error, "definitions could not be refreshed");
            }
            if let Err(error) = memory.follow_members().await {
                tracing::warn!(%error, "memberships could not be brought up to date");
            }
        }
    };
    tokio::select! {
        () = store.closed() => {}
        () = work => {}
    }
}
