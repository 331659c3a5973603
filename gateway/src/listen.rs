//! Connections: HTTP/1.1 and HTTP/2 alike on one listener, and going away in good order. What is asked on them is the
//! door's.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::door::Door;

/// How long calls may go on once the gateway was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// A silent HTTP/2 connection is asked so often whether it still is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long the head of an HTTP/1.1 request may take to come.
const HEAD: Duration = Duration::from_secs(10);
/// A pause after a failed accept, as when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(50);
/// Calls at a time on one HTTP/2 connection.
const STREAMS: u32 = 1024;
/// What may be under way unread on one call, and on one connection.
const WINDOWS: (u32, u32) = (1 << 20, 4 << 20);

/// Takes connections until `ending` completes, then lets the calls on them finish.
pub async fn serve(door: Arc<Door>, listener: TcpListener, ending: impl Future<Output = ()> + Send) {
    let (going, gone) = watch::channel(false);
    let builder = builder();
    let mut connections = JoinSet::new();
    tokio::pin!(ending);
    loop {
        tokio::select! {
            () = &mut ending => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(builder.clone(), door.clone(), stream, gone.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    going.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("calls were cut off after the drain's time");
    }
}

async fn connection(
    builder: Builder<TokioExecutor>,
    door: Arc<Door>,
    stream: TcpStream,
    mut gone: watch::Receiver<bool>,
) {
    // Answers are small and must not wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(gone.wait_for(|gone| *gone).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1);
    builder
}
