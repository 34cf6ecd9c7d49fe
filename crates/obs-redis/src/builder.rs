//! Settings of the connection.
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fred::{error::Error, types::config::ServerConfig};

use crate::{
    ConfigError, Redis,
    breaker::{Breaker, Told},
    clients::Clients,
    cluster::Cluster,
    link::{Link, Servers},
    node::Node,
    stats::Ledger,
    tls,
    url::Url,
    watch::Watch,
};

/// Settings of a [`Redis`].
#[derive(Clone)]
pub struct Builder {
    url: String,
    ca_file: Option<PathBuf>,
    pool: usize,
    max_queued: usize,
    watch: Option<String>,
    pub(crate) budget: Duration,
    pub(crate) max_value_bytes: usize,
}

impl Redis {
    /// Settings for the server at this URL: `redis://`, `rediss://` (TLS), `redis-cluster://`, `redis-sentinel://`
    /// and their `rediss-` forms; `valkey` in place of `redis` is the same. It is checked by
    /// [`connect`](Builder::connect).
    #[must_use]
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }
}

impl Builder {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: None,
            pool: 2,
            max_queued: 10_000,
            watch: None,
            budget: Duration::from_millis(20),
            max_value_bytes: 16 << 20,
        }
    }

    /// Longest that one operation takes, waiting included: 20 ms by default. Zero is refused.
    #[must_use]
    pub fn budget(self, budget: Duration) -> Self {
        Self { budget, ..self }
    }

    /// Number of connections (in a cluster: to each node), 2 by default. Commands share them by their key, and are pipelined.
    /// Zero is refused.
    #[must_use]
    pub fn pool(self, connections: usize) -> Self {
        Self {
            pool: connections,
            ..self
        }
    }

    /// Largest value in bytes that is sent: 16 MiB by default.
    #[must_use]
    pub fn max_value_bytes(self, bytes: usize) -> Self {
        Self {
            max_value_bytes: bytes,
            ..self
        }
    }

    /// Most commands that wait for an answer on one connection: 10,000 by default. More are refused as
    /// [`Fault::Busy`](crate::Fault::Busy). Zero is refused.
    #[must_use]
    pub fn max_queued(self, commands: usize) -> Self {
        Self {
            max_queued: commands,
            ..self
        }
    }

    /// Is told by the server of changes that others make to keys that begin so ([`Redis::on_change`]), over one more
    /// connection (in a cluster: to each master), which also carries the writes. It needs Redis 6 or later, and a user
    /// with the rights `+client|tracking`, `+ping`, and `+info`: without that one, `FLUSHALL` is not seen.
    #[must_use]
    pub fn watch(self, prefix: &str) -> Self {
        Self {
            watch: Some(prefix.to_owned()),
            ..self
        }
    }

    /// A file in PEM form with the authorities to trust, in place of the system's. It needs a URL with TLS
    /// (`rediss://`).
    #[must_use]
    pub fn ca_file(self, path: impl AsRef<Path>) -> Self {
        Self {
            ca_file: Some(path.as_ref().to_owned()),
            ..self
        }
    }

    /// Begins to connect, in the background. It never waits, and does not fail because the server is absent: that
    /// is one warning in the log, and the connection is made when the server appears.
    ///
    /// # Errors
    ///
    /// If the URL, the certificates or another setting cannot be used.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn connect(self) -> Result<Redis, ConfigError> {
        for (name, is_zero) in [
            ("budget", self.budget.is_zero()),
            ("pool", self.pool == 0),
            ("max_queued", self.max_queued == 0),
        ] {
            if is_zero {
                return Err(ConfigError::new(format!(
                    "{name} is zero: it has to be more"
                )));
            }
        }
        let Url {
            mut config,
            tls,
            masked,
        } = Url::parse(&self.url)?;
        if tls {
            config.tls = Some(tls::connector(self.ca_file.as_deref())?.into());
        } else if self.ca_file.is_some() {
            let help = "a ca file is given, but the url is one without tls: write rediss://";
            return Err(ConfigError::new(help.into()));
        }
        // The first attempt counts as any other: a server that comes later is connected to.
        config.fail_fast = false;
        let watch = self.watch.map(|prefix| Arc::new(Watch::new(prefix)));
        let clients = Clients {
            config,
            watch: watch.clone(),
            budget: self.budget,
            pool: self.pool,
            max_queued: self.max_queued,
        };
        let max_queued = self.max_queued;
        let bad = |error: Error| ConfigError::new(error.details().to_owned());
        let told = Arc::<Told>::default();
        let breaker = Breaker::new(masked.clone(), told.clone());
        let servers = match &clients.config.server {
            ServerConfig::Clustered { hosts, .. } => {
                let seeds = hosts.clone();
                // What cannot be built for one cannot be for any.
                clients.of(&seeds[0]).map_err(bad)?;
                Servers::Cluster(Cluster::open(clients, seeds, breaker))
            }
            _ => {
                let watcher = clients.watcher();
                let clients = clients.all().map_err(bad)?;
                Servers::One(Node::open(&clients, breaker, watcher, max_queued))
            }
        };
        let link = Link {
            servers,
            masked,
            told,
            watch,
            ledger: Ledger::default(),
            max_value_bytes: self.max_value_bytes,
        };
        Ok(Redis::open(link, self.budget))
    }
}

/// The URL may hold a password.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Url::parse(&self.url).map(|url| url.masked);
        f.debug_struct("Builder")
            .field("url", &url.unwrap_or_else(|_| "(bad)".into()))
            .field("ca_file", &self.ca_file)
            .field("budget", &self.budget)
            .field("pool", &self.pool)
            .field("max_queued", &self.max_queued)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("watch", &self.watch)
            .finish()
    }
}
