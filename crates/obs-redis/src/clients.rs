//! The clients that connect.
use std::{sync::Arc, time::Duration};

use fred::{
    clients::Client,
    error::Error,
    types::{
        Builder as FredBuilder, RespVersion,
        config::{Config, ReconnectPolicy, Server, ServerConfig, TcpConfig, UnresponsiveConfig},
    },
};

use crate::watch::{Watch, Watcher};

/// Makes clients that are to connect.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) config: Config,
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) budget: Duration,
    pub(crate) pool: usize,
    pub(crate) max_queued: usize,
}

impl Clients {
    /// Those to what the settings name.
    pub(crate) fn all(&self) -> Result<Vec<Client>, Error> {
        let client = |_| self.build(self.config.clone(), true);
        (0..self.pool).map(client).collect()
    }

    /// Those to one server of a cluster.
    pub(crate) fn of(&self, server: &Server) -> Result<Vec<Client>, Error> {
        let client = |_| self.build(self.config_of(server), true);
        (0..self.pool).map(client).collect()
    }

    /// One to a server of a cluster, that connects once.
    pub(crate) fn scout(&self, server: &Server) -> Result<Client, Error> {
        let mut config = self.config_of(server);
        config.fail_fast = true;
        self.build(config, false)
    }

    /// Who is told of changes at what the settings name.
    pub(crate) fn watcher(&self) -> Option<Watcher> {
        self.watcher_by(self.config.clone())
    }

    /// The same at one server of a cluster.
    pub(crate) fn watcher_of(&self, server: &Server) -> Option<Watcher> {
        self.watcher_by(self.config_of(server))
    }

    fn watcher_by(&self, mut config: Config) -> Option<Watcher> {
        config.fail_fast = true;
        config.version = RespVersion::RESP3;
        let (watch, this) = (self.watch.clone()?, self.clone());
        Some(Watcher::open(watch, move || {
            this.build(config.clone(), false).ok()
        }))
    }

    fn config_of(&self, server: &Server) -> Config {
        Config {
            server: ServerConfig::Centralized {
                server: server.clone(),
            },
            ..self.config.clone()
        }
    }

    fn build(&self, config: Config, reconnects: bool) -> Result<Client, Error> {
        let mut builder = FredBuilder::from_config(config);
        if reconnects {
            builder.set_policy(ReconnectPolicy::new_exponential(0, 50, 2000, 2));
        }
        builder.with_performance_config(|c| {
            c.default_command_timeout = self.budget;
            // Of changes that are told. What is more is lost, and told as such.
            c.broadcast_channel_capacity = 1024;
        });
        builder.with_connection_config(|c| {
            c.connection_timeout = Duration::from_millis(250);
            c.internal_command_timeout = Duration::from_millis(250);
            c.max_command_attempts = 1;
            c.unresponsive = UnresponsiveConfig {
                max_timeout: Some(Duration::from_millis(500)),
                interval: Duration::from_millis(100),
            };
            c.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        });
        builder.build()
    }
}
