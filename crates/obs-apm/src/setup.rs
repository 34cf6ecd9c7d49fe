//! What is set on a layer.

use std::{fmt, sync::Arc};

use obs_metrics::{DEFAULT_CAP, Metrics};
use opentelemetry::global::BoxedTracer;

use crate::{Capture, Conventions, spans::Clock, telemetry::Telemetry};

/// What is set on a layer.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) metrics: Option<Metrics>,
    pub(crate) spans: Spans,
    pub(crate) provider: Arc<str>,
    /// Route, model, provider.
    pub(crate) routes: Vec<(Arc<str>, Arc<str>, Arc<str>)>,
    /// Provider, address, port.
    pub(crate) servers: Vec<(Arc<str>, Arc<str>, u16)>,
    pub(crate) max_models: usize,
    /// `None`: as the telemetry says.
    pub(crate) conventions: Option<Conventions>,
    pub(crate) capture: Option<Capture>,
    pub(crate) clock: Option<Clock>,
}

/// Who makes spans.
#[derive(Clone, Debug)]
pub(crate) enum Spans {
    OfProcess,
    Of(Telemetry),
    With(Arc<BoxedTracer>),
    None,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            metrics: None,
            spans: Spans::OfProcess,
            provider: "unknown".into(),
            routes: Vec::new(),
            servers: Vec::new(),
            max_models: DEFAULT_CAP,
            conventions: None,
            capture: None,
            clock: None,
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("metrics", &self.metrics)
            .field("spans", &self.spans)
            .field("provider", &self.provider)
            .field("routes", &self.routes)
            .field("servers", &self.servers)
            .field("max_models", &self.max_models)
            .field("conventions", &self.conventions)
            .field("capture", &self.capture)
            .finish_non_exhaustive()
    }
}
