//! Where connections come from.
use std::io;

pub use axum::serve::Listener;
use tokio::{io::DuplexStream, sync::mpsc};

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
