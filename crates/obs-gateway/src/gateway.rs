//! The gateway as others hold it.
use std::{future::Future, sync::Arc, time::Duration};

use obs_apm::Telemetry;
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{info, warn};

use crate::{
    build::Builder,
    build_error::BuildError,
    counts::Outcome,
    greeting,
    lasting::Lasting,
    listen::Listener,
    live::Live,
    reload,
    serve::{self, Bounds},
    settings::Settings,
};

/// What writing the last entries of the log of calls may take at least.
const LAST_ENTRIES: Duration = Duration::from_secs(1);

/// A gateway, ready to serve. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub struct Gateway {
    lasting: Arc<Lasting>,
    live: Live,
}

impl Gateway {
    /// Puts one together from these settings.
    pub fn builder(settings: Settings) -> Builder {
        Builder::new(settings)
    }

    pub(crate) fn new(lasting: Arc<Lasting>, live: Live) -> Self {
        Self { lasting, live }
    }

    /// What it does, as routes to mount elsewhere. Whoever serves them bounds connections and shuts down himself.
    pub fn router(&self) -> axum::Router {
        self.live.mounted()
    }

    /// What it counts with.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.lasting.telemetry
    }

    /// The settings that are in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.live.now().settings
    }

    /// Goes by other settings from now on: calls that have begun end by those of before, and those that come are
    /// answered by these. Gives back what stays as it was until another start, a line for each.
    ///
    /// Kept are what was counted, budgets and rates of keys, and, where their own settings have not changed, answers in memory,
    /// connections to Redis, breakers, and whatever else the layers have learned. Certificates are read again.
    ///
    /// # Errors
    /// When they are of no use: what is in force stays so.
    ///
    /// # Panics
    /// With a Redis store outside of a Tokio runtime.
    pub fn reload(&self, settings: Settings) -> Result<Vec<String>, BuildError> {
        let before = self.live.now();
        match self.lasting.make(settings, Some(&before)) {
            Ok(now) => {
                let stays = reload::stays(&before.settings, &now.settings);
                self.lasting.show(&now);
                self.live.replace(now);
                self.lasting.counts.reload(Outcome::Done);
                Ok(stays)
            }
            Err(error) => {
                self.reload_refused();
                Err(error)
            }
        }
    }

    /// Counts settings that could not even be loaded.
    pub(crate) fn reload_refused(&self) {
        self.lasting.counts.reload(Outcome::Refused);
    }

    /// What a newcomer should know of it, in a few lines: where it listens (`api`), who answers, where answers are kept,
    /// where metrics are, and a command to try.
    #[must_use]
    pub fn greeting(&self, api: &str) -> Vec<String> {
        greeting::lines(&self.settings(), self.telemetry(), api)
    }

    /// Serves what comes in at `listener` until `stop` completes, then finishes what is in flight, and what is to be
    /// written to stores, for at most `server.drain` together. `true`: all of it was finished.
    ///
    /// From then on `/readyz` says that it is not ready, and no connection is taken. Dropping the future drops all
    /// connections at once, and cancels their calls.
    pub async fn serve<L: Listener>(&self, listener: L, stop: impl Future<Output = ()>) -> bool {
        let settings = self.settings();
        let bounds = Bounds {
            headers: settings.server.header_timeout,
            connections: settings.server.max_connections,
        };
        let began = std::sync::OnceLock::new();
        let drain = || self.settings().server.drain;
        let stop = async {
            stop.await;
            self.lasting.drain();
            let _ = began.set(Instant::now());
            info!(
                "shutting down: waiting up to {:?} for calls in flight",
                drain()
            );
        };
        let (live, counts) = (self.live.clone(), self.lasting.counts.clone());
        let served = serve::serve(listener, live, counts, bounds, stop, drain).await;
        let drain = drain();
        if !served {
            warn!("calls were still in flight after {drain:?}, and were dropped: see server.drain");
        }
        let spent = began.get().map_or(drain, Instant::elapsed);
        let written = self
            .lasting
            .background
            .drain(drain.saturating_sub(spent))
            .await;
        if !written {
            warn!("not everything could be written to the store in time");
        }
        let left = drain.saturating_sub(began.get().map_or(drain, Instant::elapsed));
        let app = self.live.now().app;
        // Writing blocks its thread.
        let logged = spawn_blocking(move || app.finish(left.max(LAST_ENTRIES))).await;
        let logged = logged.unwrap_or(false);
        if !logged {
            warn!("not every entry could be written to the log of calls in time");
        }
        served && written && logged
    }
}
