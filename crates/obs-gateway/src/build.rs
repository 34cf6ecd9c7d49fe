//! Puts a gateway together.
use std::{sync::Arc, time::SystemTime};

use obs_apm::{Config, Telemetry};
use obs_core::Background;

use crate::{
    build_error::BuildError, clock::WallClock, gateway::Gateway, lasting::Lasting, live::Live,
    settings::Settings,
};

/// Most writes to a store that are under way at a time.
const BACKGROUND: u32 = 1024;

/// Puts a [`Gateway`] together.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    settings: Settings,
    telemetry: Option<Telemetry>,
    clock: WallClock,
}

impl Builder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            telemetry: None,
            clock: WallClock::default(),
        }
    }

    /// Counts and traces here. Unless told, in a telemetry of its own that exports nothing.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Reads the wall clock here.
    pub fn wall_clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = WallClock::new(now);
        self
    }

    /// Makes the gateway. Nobody listens yet; connections to stores are begun.
    ///
    /// # Errors
    /// When a URL, a key or the routes cannot be used.
    ///
    /// # Panics
    /// With a Redis store outside of a Tokio runtime.
    pub fn build(self) -> Result<Gateway, BuildError> {
        let alone = || Config::new().no_listener().no_console().variables(|_| None);
        let telemetry = self.telemetry.unwrap_or_else(|| Telemetry::build(alone()));
        let background = Background::new(BACKGROUND);
        let lasting = Arc::new(Lasting::new(telemetry, background, self.clock));
        let now = lasting.make(self.settings, None)?;
        lasting.show(&now);
        Ok(Gateway::new(lasting, Live::new(now)))
    }
}
