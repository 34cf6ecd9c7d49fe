//! The layer, and what is set on it.

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use obs_metrics::Metrics;
use opentelemetry::global::{BoxedTracer, ObjectSafeTracer};
use tower_layer::Layer;

use crate::{
    Capture, Conventions,
    attempt_span::AttemptSpanLayer,
    service::Apm,
    setup::{Setup, Spans},
    shared::Shared,
    stats::Stats,
    telemetry::Telemetry,
};

/// Tells of every call: one span, its duration, tokens and cost, and one outcome.
///
/// Put one around everything else, so that it sees hits and calls that were refused. Its services, and clones of it, count
/// together. See the [crate](crate) for what is counted.
#[derive(Clone, Debug, Default)]
pub struct ApmLayer {
    setup: Setup,
    /// Made by the first service, so that a layer that is being set up shares nothing.
    shared: Arc<OnceLock<Arc<Shared>>>,
}

impl ApmLayer {
    /// With the telemetry of the process, which [`init`](crate::init) has set up, or else with the global providers of
    /// OpenTelemetry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Metrics and spans by this telemetry.
    #[must_use]
    pub fn telemetry(self, telemetry: &Telemetry) -> Self {
        self.set(|setup| {
            setup.metrics = Some(telemetry.metrics());
            setup.spans = Spans::Of(telemetry.clone());
        })
    }

    /// Metrics in this place.
    #[must_use]
    pub fn metrics(self, metrics: &Metrics) -> Self {
        self.set(|setup| setup.metrics = Some(metrics.clone()))
    }

    /// Spans by this tracer.
    #[must_use]
    pub fn tracer(self, tracer: impl ObjectSafeTracer + Send + Sync + 'static) -> Self {
        self.set(|setup| setup.spans = Spans::With(Arc::new(BoxedTracer::new(Box::new(tracer)))))
    }

    /// No spans.
    #[must_use]
    pub fn no_spans(self) -> Self {
        self.set(|setup| setup.spans = Spans::None)
    }

    /// Whose models are asked: `gen_ai.provider.name`, such as `openai`, `anthropic` or `aws.bedrock`. Unless told: `unknown`.
    #[must_use]
    pub fn provider_name(self, name: impl Into<Arc<str>>) -> Self {
        self.set(|setup| setup.provider = name.into())
    }

    /// Announces a route: its series are there from the start, and its attempts are told as those of this provider.
    #[must_use]
    pub fn route(
        self,
        name: impl Into<Arc<str>>,
        model: impl Into<Arc<str>>,
        provider: impl Into<Arc<str>>,
    ) -> Self {
        let route = (name.into(), model.into(), provider.into());
        self.set(|setup| setup.routes.push(route))
    }

    /// Where a provider listens, for `server.address` and `server.port` of the spans that ask it.
    #[must_use]
    pub fn server(
        self,
        provider: impl Into<Arc<str>>,
        address: impl Into<Arc<str>>,
        port: u16,
    ) -> Self {
        let server = (provider.into(), address.into(), port);
        self.set(|setup| setup.servers.push(server))
    }

    /// How many names of models are told apart, those of announced routes first; 100 unless told. The rest are `other`, and
    /// so are names that no model has answered to: callers may ask for anything.
    #[must_use]
    pub fn max_models(self, names: usize) -> Self {
        self.set(|setup| setup.max_models = names)
    }

    /// Names what is told by this generation of the conventions, whatever the telemetry says.
    #[must_use]
    pub fn conventions(self, conventions: Conventions) -> Self {
        self.set(|setup| setup.conventions = Some(conventions))
    }

    /// Tells prompts and answers in the spans of sampled calls. Unless this is said, no text of either leaves the process.
    #[must_use]
    pub fn capture(self, capture: Capture) -> Self {
        self.set(|setup| setup.capture = Some(capture))
    }

    /// A layer that makes a span of each attempt, for the place around [`AttemptLayer`](obs_core::AttemptLayer). Take it from
    /// the layer whose setting up is done.
    #[must_use]
    pub fn attempt_spans(&self) -> AttemptSpanLayer {
        AttemptSpanLayer::new(self.clone())
    }

    /// Reads the wall clock here, once for each call that may have a span.
    #[must_use]
    pub fn wall_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.set(|setup| setup.clock = Some(Arc::new(clock)))
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.get().map_or_else(Stats::default, |s| s.stats())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.shared
            .get_or_init(|| Arc::new(Shared::new(&self.setup)))
    }

    fn set(mut self, set: impl FnOnce(&mut Setup)) -> Self {
        set(&mut self.setup);
        self.shared = Arc::default();
        self
    }
}

impl<S> Layer<S> for ApmLayer {
    type Service = Apm<S>;

    fn layer(&self, inner: S) -> Apm<S> {
        Apm::new(inner, self.shared().clone())
    }
}
