//! Evaluation: measures the effect of strategies and experiments against customers who were left alone. It owns
//! exposures, assignments, outcomes and reviews; it decides nothing. Modules in reading order.

pub mod config;
pub mod consume;
pub mod convert;
pub mod effect;
pub mod moments;
pub mod normal;
pub mod ratio;
pub mod review;
pub mod rpc;
pub mod spec;
pub mod store;
pub mod student;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::{
    Result, client,
    directory::Directory,
    feed::{self, Status},
    server::{self, Parts},
    token::Keys,
};
use huan_proto::{
    evaluation::v1::review_service_server::{ReviewServiceServer, SERVICE_NAME},
    feed::v1::feed_service_server,
};
use tokio::net::TcpListener;
use tonic::service::Routes;

pub use crate::config::{Config, DEFAULTS};
use crate::{
    rpc::review::Rpc,
    store::{Migrator, Store},
};

/// The service's name.
pub const NAME: &str = "evaluation";

/// Serves on a listener until `shutdown`, then ends the feeds and drains.
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
        let statuses = follow(&config, &store, &keys).await?;
        let routes =
            Routes::new(ReviewServiceServer::new(Rpc { store: store.clone() })).add_service(feed::server(statuses));
        let owners = Arc::new(Directory::new(store.clone()));
        let parts =
            Parts { service: NAME, routes, keys, owners, names: &[SERVICE_NAME, feed_service_server::SERVICE_NAME] };
        let ending = async move {
            shutdown.await;
            store.close();
        };
        server::serve(parts, listener, ending).await
    })
}

/// Starts following both feeds, until the store is closed.
async fn follow(config: &Config, store: &Store, keys: &Arc<Keys>) -> Result<Vec<Status>> {
    let (profile, strategy) = (Status::new("profile"), Status::new("strategy"));
    let channel = client::connect_lazy(&config.profile, keys.clone(), NAME).await?;
    tokio::spawn(consume::profiles(store.clone(), channel, keys.clone(), profile.clone()));
    let channel = client::connect_lazy(&config.strategy, keys.clone(), NAME).await?;
    tokio::spawn(consume::decisions(store.clone(), channel, keys.clone(), strategy.clone()));
    Ok(vec![profile, strategy])
}
