//! A service's server: the layers around every RPC, health, reflection, and going away in good order. What an RPC does
//! is the services'; who may call it is the contracts' (`policy`).

mod authenticate;
pub(crate) mod deadline;
mod drain;
mod frame;
mod mask;
mod permit;
mod scope;
mod step;
mod trace;

use std::{future::Future, sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server, transport::server::TcpIncoming};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::ServiceBuilder;

use crate::error::{Error, Result};
use crate::policy;
use crate::token::Keys;
pub(crate) use authenticate::TENANT;

/// The most bytes a message may have.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

// A caller with more calls in flight on one connection waits.
const MAX_STREAMS: u32 = 1024;
const KEEPALIVE: Duration = Duration::from_secs(20);
// How long calls may go on once the service was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What a server is made of.
pub struct Parts {
    /// The service's name: "profile".
    pub service: &'static str,
    /// Its gRPC services.
    pub routes: Routes,
    /// What tokens are checked with.
    pub keys: Arc<Keys>,
    /// Who owns which customer.
    pub owners: Arc<dyn Owners>,
    /// The full names of its gRPC services, for health.
    pub names: &'static [&'static str],
}

/// Tells who owns a customer, so that callers can be held to their scope.
pub trait Owners: Send + Sync {
    /// Finds the organisation path that owns the customer. `None`: no such customer; the RPC goes on, and the service
    /// says NOT_FOUND.
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>>;
}

/// Serves until `shutdown`, then says NOT_SERVING, ends streams, lets calls finish for at most ten seconds, and
/// returns. Errors: Internal if the server cannot run.
pub fn serve(
    parts: Parts,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, Result<()>> {
    run(parts, listener, shutdown.boxed())
}

/// Knows no type of a caller's, so that the server is compiled in this crate, once.
fn run(parts: Parts, listener: TcpListener, shutdown: BoxFuture<'static, ()>) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        // Reads the contracts now, so that no caller waits for it.
        policy::permissions();
        let going = CancellationToken::new();
        let address = listener.local_addr().map_err(|error| Error::Internal(format!("no address: {error}")))?;
        let (health, health_service) = tonic_health::server::health_reporter();
        let routes = parts.routes.add_service(health_service).add_service(reflection()?).prepare();
        let layers = ServiceBuilder::new()
            // Outermost: a stream ends when the service goes, whatever else it waits for.
            .layer(step::Layer(drain::Drain { going: going.clone() }))
            // Before anything that may refuse, so that refusals are traced too.
            .layer(step::Layer(trace::Trace { service: parts.service }))
            // Bounds all below, lookups of owners included.
            .layer(step::Layer(deadline::Deadline))
            // Nobody gets further without saying who they are; health and reflection are open.
            .layer(step::Layer(authenticate::Authenticate { keys: parts.keys }))
            // Cheaper than scope, which may read the store.
            .layer(step::Layer(permit::Permit))
            // Whose data, from the request's own fields.
            .layer(step::Layer(scope::Scope { owners: parts.owners }))
            // Innermost: sees the answer first, so that nothing above ever holds what the caller may not see.
            .layer(step::Layer(mask::Mask))
            .into_inner();
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .max_concurrent_streams(Some(MAX_STREAMS))
            .layer(layers)
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                going.clone().cancelled_owned(),
            );
        say(&health, parts.names, ServingStatus::Serving).await;
        // Whoever let the system choose a port reads here which it is.
        tracing::info!(service = parts.service, %address, "serving");
        tokio::pin!(server);
        tokio::select! {
            ended = &mut server => return ended.map_err(failed),
            () = shutdown => {}
        }
        say(&health, parts.names, ServingStatus::NotServing).await;
        going.cancel();
        match tokio::time::timeout(DRAIN, server).await {
            Ok(ended) => ended.map_err(failed),
            Err(_) => {
                tracing::warn!(service = parts.service, "calls were cut off after the drain's time");
                Ok(())
            }
        }
    })
}

/// Listens for SIGTERM and SIGINT from the moment it is called; what it answers ends when one has come. Called within a
/// runtime, and before anybody is told that the process is up: until then a signal ends it without a drain.
pub fn terminated() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut term), Ok(mut int)) = signals else {
            tracing::error!("signals cannot be listened to; only a kill stops this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}

async fn say(health: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    health.set_service_status("", status).await;
    for name in names {
        health.set_service_status(name, status).await;
    }
}

fn reflection()
-> Result<tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(huan_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Internal(format!("reflection: {error}")))
}

fn failed(error: tonic::transport::Error) -> Error {
    Error::Internal(format!("server: {error}"))
}
