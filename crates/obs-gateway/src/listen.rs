//! Where connections come from, and how they are served until the gateway is told to stop.
use std::{future::Future, io, pin::pin, time::Duration};

pub use axum::serve::Listener;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{io::DuplexStream, sync::mpsc, task::JoinSet, time::timeout};

/// For how long a connection may stay without (complete) headers of a request: longer than load balancers keep theirs
/// open, so that they are the ones who close.
const HEADERS: Duration = Duration::from_secs(75);
/// Bytes that a connection in memory holds each way.
const IN_MEMORY: usize = 64 << 10;

/// Connections within this process: what [`Connector::connect`] opens arrives at the [`InMemory`] listener.
#[must_use]
pub fn in_memory() -> (Connector, InMemory) {
    let (send, receive) = mpsc::channel(16);
    (Connector(send), InMemory(receive))
}

/// Opens connections in memory.
#[derive(Clone, Debug)]
pub struct Connector(mpsc::Sender<DuplexStream>);

/// Takes connections in memory.
#[derive(Debug)]
pub struct InMemory(mpsc::Receiver<DuplexStream>);

impl Connector {
    /// A new connection.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (here, there) = tokio::io::duplex(IN_MEMORY);
        let sent = self.0.send(there).await;
        sent.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(here)
    }
}

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(connection) => (connection, ()),
            // Nobody can connect any more, but what is open goes on.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves until `stop` completes, then finishes what is in flight, for at most `drain`. What is open by then is
/// dropped. `true`: nothing was.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    app: axum::Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
) -> bool {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS);
    http.http2().timer(TokioTimer::new());
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let connection = tokio::select! {
            biased;
            () = &mut stop => break,
            (connection, _) = listener.accept() => connection,
            Some(_) = open.join_next() => continue,
        };
        let service = TowerToHyperService::new(app.clone());
        let serving = http.serve_connection_with_upgrades(TokioIo::new(connection), service);
        let serving = graceful.watch(serving.into_owned());
        // Errors of a connection are the client's: it left, or spoke no HTTP.
        open.spawn(async move { drop(serving.await) });
    }
    drop(listener);
    timeout(drain, graceful.shutdown()).await.is_ok()
}
