//! Serves connections until the gateway is told to stop.
mod impatient;
pub(crate) mod tls;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::extract::Request;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tower::{ServiceExt, service_fn};

use self::impatient::Impatient;
use crate::{counts::Counts, listen::Listener, live::Live};

/// How often a silent HTTP/2 connection is asked whether it still lives, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));
/// How long a client may take to agree on encryption.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a connection may take. It stands for as long as the gateway serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Until the headers of a request are there.
    pub(crate) headers: Duration,
    /// Most that are open at a time.
    pub(crate) connections: usize,
}

/// What all connections share.
#[derive(Clone)]
struct Serving {
    live: Live,
    http: auto::Builder<TokioExecutor>,
    bounds: Bounds,
    counts: Arc<Counts>,
}

/// Serves until `stop` completes, then finishes what is in flight, for at most what `drain` says then. What is open by
/// that time is dropped. `true`: nothing was.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    live: Live,
    counts: Arc<Counts>,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
    drain: impl FnOnce() -> Duration,
) -> bool {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.headers);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    let serving = Serving {
        live,
        http,
        bounds,
        counts,
    };
    let room = Arc::new(Semaphore::new(
        bounds.connections.min(Semaphore::MAX_PERMITS),
    ));
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        // What there is no room for waits where the system keeps it.
        let next = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await.0)
        };
        let (place, connection) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next => next,
            Some(_) = open.join_next() => continue,
        };
        let (serving, watcher) = (serving.clone(), graceful.watcher());
        open.spawn(async move {
            serving.connection(connection, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    timeout(drain(), graceful.shutdown()).await.is_ok()
}

impl Serving {
    async fn connection<Io>(self, connection: Io, watcher: Watcher)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _counted = self.counts.connection();
        match self.live.tls() {
            None => self.http(connection, watcher).await,
            Some(tls) => {
                // Who does not agree in time, or not at all, is left: there is nobody to tell.
                if let Ok(Ok(connection)) = timeout(HANDSHAKE, tls.accept(connection)).await {
                    self.http(connection, watcher).await;
                }
            }
        }
    }

    async fn http<Io>(self, connection: Io, watcher: Watcher)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, begun) = Impatient::new(connection, self.bounds.headers);
        let live = self.live;
        let service = service_fn(move |request: Request<_>| {
            begun.note();
            // A request is answered by the settings of the moment when it came.
            live.router().oneshot(request)
        });
        let service = TowerToHyperService::new(service);
        let serving = self
            .http
            .serve_connection_with_upgrades(TokioIo::new(connection), service);
        // Errors of a connection are the client's: it left, or spoke no HTTP.
        drop(watcher.watch(serving.into_owned()).await);
    }
}
