//! Profile: all that is known of a bank's customers — attributes, holdings, identities, consents, relations, events and the
//! features computed from them — with the time at which each was true, and a feed of what changes. Modules in reading
//! order.

pub mod company;
pub mod bucket;
pub mod config;
pub mod consent;
pub mod convert;
pub mod event;
pub mod feature;
pub mod filter;
pub mod industry;
pub mod kyc;
pub mod opt_out;
pub mod relation;
pub mod related;
pub mod merge;
pub mod normal;
pub mod manifest;
pub mod part;
pub mod rpc;
pub mod social_credit;
pub mod store;
pub mod vector;
pub mod window;

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::{
    Result, feed,
    server::{self, Parts},
    store::Store as Database,
    token::Keys,
    vault::Vault,
};
use tokio::net::TcpListener;

pub use config::{Config, DEFAULTS};

use crate::{
    bucket::Bucket,
    rpc::Rpc,
    store::{Store, customer::CustomerOwners, migration::Migrator},
};

/// The service's name.
pub const NAME: &str = "profile";

/// Serves until `shutdown`, then drains. Errors: a store, or its keys, that cannot be opened.
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
        let vault = Vault::open(&config.keys).await?;
        vault.spawn_rotation();
        let database = Database::open::<Migrator>(&config.database).await?.with_vault(vault);
        let store = Store::new(database.clone());
        tokio::spawn(feed::retain(database.clone(), config.feed.clone()));
        tokio::spawn(store.clone().retain_dead_letters(config.dead_letter));
        tokio::spawn(store.clone().roll_for_ever(Duration::from_millis(config.roll.every_millis)));
        tokio::spawn(store.clone().build_for_ever(Duration::from_millis(config.roll.every_millis)));
        let bucket = Bucket::new(config.snapshot.clone());
        tokio::spawn(store.clone().finish_for_ever(bucket.clone()));
        tokio::spawn(
            store.clone().export_for_ever(bucket.clone(), Duration::from_millis(config.snapshot.every_millis)),
        );
        let parts = Parts {
            service: NAME,
            routes: Rpc::new(store.clone(), config.feed, config.consent, bucket).routes(),
            keys,
            owners: Arc::new(CustomerOwners(store)),
            names: rpc::NAMES,
        };
        let shutdown = async move {
            shutdown.await;
            database.close();
        };
        server::serve(parts, listener, shutdown).await
    })
}
