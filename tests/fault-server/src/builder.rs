//! What can be set before a server starts.
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use crate::{pace::Pace, server::FaultServer, shared::Shared, tempo::Tempo, tls::TlsFault};

/// What can be set before a server starts.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Builder {
    address: SocketAddr,
    tempo: Tempo,
    pace: Pace,
    tls: TlsFault,
}

impl Builder {
    pub(crate) const fn new() -> Self {
        Self {
            address: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tempo: Tempo::REAL,
            pace: Pace::new(),
            tls: TlsFault::Garbage,
        }
    }

    /// Where to listen; a free port of 127.0.0.1 unless set.
    pub const fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How fast time passes.
    pub const fn tempo(mut self, tempo: Tempo) -> Self {
        self.tempo = tempo;
        self
    }

    /// How healthy answers are given.
    pub const fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What clients of TLS meet.
    pub const fn tls(mut self, fault: TlsFault) -> Self {
        self.tls = fault;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self) -> io::Result<FaultServer> {
        self.in_memory().listen(self.address).await
    }

    /// Starts it without a listener: see [`FaultServer::in_memory`].
    #[must_use]
    pub fn in_memory(self) -> FaultServer {
        FaultServer::new(Shared::new(self.tempo, self.pace, self.tls))
    }
}
