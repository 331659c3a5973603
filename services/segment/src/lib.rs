//! Segment: who belongs to which group of customers. It follows profile's feed into typed columns in memory, checks and
//! evaluates rules over them, builds memberships and finds clusters. Modules in reading order.

pub mod catalogue;
pub mod cluster;
pub mod clustering;
pub mod columns;
pub mod config;
pub mod convert;
pub mod explain;
pub mod feed;
pub mod live;
pub mod memory;
pub mod rpc;
pub mod rule;
pub mod store;
pub mod template;
pub mod trial;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::feed::Status;
use huan_chassis::server::{self, Parts};
use huan_chassis::store::Store;
use huan_chassis::token::Keys;
use huan_chassis::{Result, client};
use tokio::net::TcpListener;

pub use self::config::Config;
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
        tokio::spawn(feed::follow(store.clone(), memory.clone(), profile, keys.clone(), status.clone()));
        let pause = Duration::from_millis(config.definitions.refresh_millis);
        tokio::spawn(refresh(store.clone(), memory.clone(), pause));
        let rpc = Rpc { store: store.clone(), memory: memory.clone(), status };
        let parts = Parts { service: NAME, routes: rpc.routes(), keys, owners: Arc::new(memory), names: rpc::NAMES };
        let closing = async move {
            shutdown.await;
            store.close();
        };
        server::serve(parts, listener, closing).await
    })
}

/// Takes over definitions that other replicas changed, until the store is closed.
async fn refresh(store: Store, memory: Memory, pause: Duration) {
    let work = async {
        loop {
            tokio::time::sleep(pause).await;
            if let Err(error) = memory.refresh_changed(&store).await {
                tracing::warn!(%error, "definitions could not be refreshed");
            }
        }
    };
    tokio::select! {
        () = store.closed() => {}
        () = work => {}
    }
}
