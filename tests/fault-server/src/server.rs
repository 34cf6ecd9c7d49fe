//! The server.
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    net::TcpListener,
    task::JoinSet,
    time,
};

use crate::{builder::Builder, connection, log::Log, script::Script, shared::Shared, wire::Wire};

/// Bytes on the way in each direction of a connection in memory.
const PIPE: usize = 64 * 1024;

/// A provider that misbehaves on purpose.
///
/// Clones are the same server; with the last one it stops, and its connections are closed.
#[derive(Clone, Debug)]
pub struct FaultServer {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<Tasks>>,
    address: Option<SocketAddr>,
}

type Tasks = JoinSet<()>;

impl FaultServer {
    /// Starts one on a free port of 127.0.0.1, in real time.
    ///
    /// # Errors
    /// When the system has no port or socket left.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// One in memory: no port, clients come by [`connect`](Self::connect) or [`serve`](Self::serve). This is the one
    /// for a paused clock, which real sockets would not stop.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::builder().in_memory()
    }

    /// Sets tempo, pace and address.
    pub const fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            tasks: Arc::default(),
            address: None,
        }
    }

    pub(crate) async fn listen(mut self, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        self.address = Some(listener.local_addr()?);
        // The task is one of the set, so it must not keep the set alive.
        let accept = accept(
            listener,
            Arc::clone(&self.shared),
            Arc::downgrade(&self.tasks),
        );
        lock(&self.tasks).spawn(accept);
        Ok(self)
    }

    /// A connection to it, in memory.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(PIPE);
        self.serve(server);
        client
    }

    /// Serves a connection that somebody else made.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        spawn(&self.tasks, Arc::clone(&self.shared), Wire::other(stream));
    }

    /// Where it listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What a client takes for the base URL, `http://127.0.0.1:…/v1`; in memory, `http://fault.test/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        match self.address {
            Some(address) => format!("http://{address}/v1"),
            None => "http://fault.test/v1".into(),
        }
    }

    /// From now on this happens to the requests for a model, from the beginning of the script.
    pub fn script(&self, model: &str, script: Script) {
        self.shared.script(model, script);
    }

    /// What it saw up to now.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log.borrow().clone()
    }

    /// Waits until the log is as wished, and gives it. Without an end if it never is.
    pub async fn until(&self, wished: impl FnMut(&Log) -> bool) -> Log {
        let mut log = self.shared.log.subscribe();
        let found = log.wait_for(wished).await;
        found.expect("the sender is in the server").clone()
    }

    /// Forgets all requests: the log is empty, each script begins anew. Scripts that were set stay.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: Weak<Mutex<Tasks>>) {
    loop {
        let accepted = listener.accept().await;
        let Some(tasks) = tasks.upgrade() else {
            return;
        };
        match accepted {
            Ok((socket, _)) => spawn(&tasks, Arc::clone(&shared), Wire::socket(socket)),
            // No descriptor is left, most likely: a little later there may be one.
            Err(_) => time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn spawn(tasks: &Mutex<Tasks>, shared: Arc<Shared>, wire: Wire) {
    let mut tasks = lock(tasks);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(connection::serve(shared, wire));
}

fn lock(tasks: &Mutex<Tasks>) -> MutexGuard<'_, Tasks> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}
