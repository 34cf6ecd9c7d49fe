//! The HTTP client under an upstream.
use std::time::Duration;

use reqwest::{Client, redirect};

use super::{
    build_error::BuildError,
    tls::{self, Need},
};
use crate::error::causes;

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) connect_timeout: Duration,
    pub(super) idle: (usize, Duration),
    /// Certificates as PEM.
    pub(super) trusted: Vec<Vec<u8>>,
    pub(super) proxy: Proxy,
    pub(super) http2_only: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Proxy {
    /// What the environment says.
    #[default]
    System,
    None,
    At(String),
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            idle: (64, Duration::from_secs(60)),
            trusted: Vec::new(),
            proxy: Proxy::default(),
            http2_only: false,
        }
    }
}

impl Connections {
    pub(super) fn client(&self, to_tls: bool) -> Result<Client, BuildError> {
        if self.connect_timeout.is_zero() {
            let problem = "is 0: expected a time in which a connection can be made";
            return Err(BuildError::new("connect_timeout", problem));
        }
        let need = match self.proxy {
            _ if to_tls || !self.trusted.is_empty() => Need::Surely,
            Proxy::None => Need::Never,
            Proxy::System | Proxy::At(_) => Need::Perhaps,
        };
        let (idle, idle_time) = self.idle;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::config(&self.trusted, need)?)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(idle_time)
            .tcp_nodelay(true)
            // A connection that has died in silence is found out while somebody waits for it.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .user_agent(concat!("obs-wire/", env!("CARGO_PKG_VERSION")))
            // A credential goes where the operator said, and nowhere else.
            .redirect(redirect::Policy::none())
            .referer(false);
        if self.http2_only {
            builder = builder.http2_prior_knowledge();
        }
        builder = match &self.proxy {
            Proxy::System => builder,
            Proxy::None => builder.no_proxy(),
            Proxy::At(url) => {
                let proxy = reqwest::Proxy::all(url).map_err(|error| {
                    // Its URL may hold a password.
                    let error = error.without_url();
                    BuildError::new("proxy", format!("is no URL of a proxy: {}", causes(&error)))
                })?;
                builder.no_proxy().proxy(proxy)
            }
        };
        builder.build().map_err(|error| {
            BuildError::new("base_url", format!("gives no client: {}", causes(&error)))
        })
    }
}
