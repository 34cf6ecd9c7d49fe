//! The gateway as others hold it.
use std::{future::Future, sync::Arc, time::Duration};

use obs_apm::Telemetry;
use obs_core::Background;
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{info, warn};

use crate::{
    app::{self, App},
    build::Builder,
    greeting,
    listen::{Listener, serve},
    settings::Settings,
};

/// What writing the last entries of the log of calls may take at least.
const LAST_ENTRIES: Duration = Duration::from_secs(1);

/// A gateway, ready to serve. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub struct Gateway {
    settings: Arc<Settings>,
    telemetry: Telemetry,
    background: Background,
    app: Arc<App>,
}

impl Gateway {
    /// Puts one together from these settings.
    pub fn builder(settings: Settings) -> Builder {
        Builder::new(settings)
    }

    pub(crate) fn new(
        settings: Settings,
        telemetry: Telemetry,
        background: Background,
        app: Arc<App>,
    ) -> Self {
        Self {
            settings: Arc::new(settings),
            telemetry,
            background,
            app,
        }
    }

    /// What it does, as routes to mount elsewhere. Whoever serves them bounds connections and shuts down himself.
    pub fn router(&self) -> axum::Router {
        app::router(&self.app)
    }

    /// What it counts with.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The settings that it was made of.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a newcomer should know of it, in a few lines: where it listens (`api`), who answers, where answers are kept,
    /// where metrics are, and a command to try.
    #[must_use]
    pub fn greeting(&self, api: &str) -> Vec<String> {
        greeting::lines(&self.settings, &self.telemetry, api)
    }

    /// Serves what comes in at `listener` until `stop` completes, then finishes what is in flight, and what is to be
    /// written to stores, for at most `server.drain` together. `true`: all of it was finished.
    ///
    /// From then on `/readyz` says that it is not ready, and no connection is taken. Dropping the future drops all
    /// connections at once, and cancels their calls.
    pub async fn serve<L: Listener>(&self, listener: L, stop: impl Future<Output = ()>) -> bool {
        let drain = self.settings.server.drain;
        let began = std::sync::OnceLock::new();
        let stop = async {
            stop.await;
            self.app.drain();
            let _ = began.set(Instant::now());
            info!("shutting down: waiting up to {drain:?} for calls in flight");
        };
        let served = serve(listener, app::router(&self.app), stop, drain).await;
        if !served {
            warn!("calls were still in flight after {drain:?}, and were dropped: see server.drain");
        }
        let spent = began.get().map_or(drain, Instant::elapsed);
        let written = self.background.drain(drain.saturating_sub(spent)).await;
        if !written {
            warn!("not everything could be written to the store in time");
        }
        let left = drain.saturating_sub(began.get().map_or(drain, Instant::elapsed));
        let app = self.app.clone();
        // Writing blocks its thread.
        let logged = spawn_blocking(move || app.finish(left.max(LAST_ENTRIES))).await;
        let logged = logged.unwrap_or(false);
        if !logged {
            warn!("not every entry could be written to the log of calls in time");
        }
        served && written && logged
    }
}
