//! Telemetry of the whole process.

use std::{
    ops::Deref,
    sync::{Mutex, MutexGuard, PoisonError},
};

use obs_metrics::Metrics;
use opentelemetry::global;

use crate::{
    Propagator,
    config::Config,
    status::{Degraded, Part},
    telemetry::Telemetry,
};

static INSTALLED: Mutex<Option<Telemetry>> = Mutex::new(None);

/// Sets up telemetry for the whole process, before the first layer is made.
///
/// Metrics and spans of all layers that are made from then on, and of the application's own meters and tracers, go where the
/// [`Config`] and the environment say. It never fails: what does not work is left out, said in a warning that names cause and
/// remedy, and told by [`Telemetry::status`].
///
/// A second call returns what the first one made; see [`Guard::is_first`].
#[must_use = "dropping the guard flushes telemetry and ends it"]
pub fn init(config: Config) -> Guard {
    let mut installed = installed();
    if let Some(telemetry) = &*installed {
        tracing::info!("telemetry is set up already: what was set up first stays");
        return Guard {
            telemetry: telemetry.clone(),
            first: false,
        };
    }
    let telemetry = Telemetry::build(config);
    if Metrics::set_global(telemetry.metrics()).is_err() {
        telemetry.degrade(Degraded::new(
            Part::Process,
            "a layer was made before telemetry was set up, and its metrics are not exported",
            "call `obs_apm::init` first",
        ));
    }
    if let Some(meters) = telemetry.meter_provider() {
        global::set_meter_provider(meters.clone());
    }
    if let Some(traces) = telemetry.tracer_provider() {
        global::set_tracer_provider(traces.clone());
    }
    // Trace context is passed on also where no spans are made here.
    global::set_text_map_propagator(telemetry.propagator().formats().propagator());
    *installed = Some(telemetry.clone());
    Guard {
        telemetry,
        first: true,
    }
}

/// What layers of this process count with: for layers that are not told otherwise, and for the application's own figures.
#[must_use]
pub fn metrics() -> Metrics {
    Metrics::global()
}

/// What writes and reads what travels between agents: as the environment says, once [`init`] has read it.
#[must_use]
pub fn propagator() -> Propagator {
    of_process().map_or_else(Propagator::default, |telemetry| telemetry.propagator())
}

/// Keeps telemetry of the process going. Dropping the first one flushes it within five seconds, and ends it.
#[derive(Debug)]
pub struct Guard {
    telemetry: Telemetry,
    first: bool,
}

impl Guard {
    /// Whether this call of [`init`] set telemetry up. `false`: an earlier one did, and its settings stand.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// A handle that outlives the guard.
    #[must_use]
    pub fn telemetry(&self) -> Telemetry {
        self.telemetry.clone()
    }
}

impl Deref for Guard {
    type Target = Telemetry;

    fn deref(&self) -> &Telemetry {
        &self.telemetry
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.first {
            // It has been said, and a destructor has nobody else to tell.
            let _ = self.telemetry.shutdown();
        }
    }
}

/// That of the process, if there is any.
pub(crate) fn of_process() -> Option<Telemetry> {
    installed().clone()
}

fn installed() -> MutexGuard<'static, Option<Telemetry>> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}
