//! The gateway: the one door for channel apps. On one port it takes gRPC, which it passes through unread, and JSON
//! after the Connect protocol, which it turns into gRPC. It knows RPCs from the contracts' descriptors only, so a new
//! one needs no code here. It owns no data and decides nothing but who may come in. Modules in reading order.

pub mod auth;
pub mod body;
pub mod config;
pub mod connect;
pub mod deadline;
pub mod door;
pub mod fault;
pub mod grpc;
pub mod json;
pub mod listen;
pub mod route;
pub mod trace;
pub mod upstream;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use huan_chassis::{Error, Result, token::Keys};
use tokio::net::TcpListener;
use tonic_health::{ServingStatus, server::health_reporter};

pub use crate::config::{Config, DEFAULTS};
use crate::door::Door;

/// The gateway's name.
pub const NAME: &str = "gateway";

/// Serves on a listener until `shutdown`, then says NOT_SERVING and lets calls finish for at most ten seconds.
/// Errors: Invalid if the url of a service cannot be read.
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
        let (health, health_service) = health_reporter();
        let open = tonic::service::Routes::new(health_service).add_service(reflection()?).prepare();
        let door = Arc::new(Door::new(&config, keys, open)?);
        health.set_service_status("", ServingStatus::Serving).await;
        let ending = async {
            shutdown.await;
            door.close();
            health.set_service_status("", ServingStatus::NotServing).await;
        };
        listen::serve(door.clone(), listener, ending).await;
        Ok(())
    })
}

fn reflection()
-> Result<tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(huan_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Internal(format!("reflection: {error}")))
}
