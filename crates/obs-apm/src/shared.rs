//! What all services of one layer share.

use std::{fmt, sync::Arc, time::SystemTime};

use obs_core::{AttemptListener, Call, LlmRequest};
use obs_metrics::Metrics;
use opentelemetry::{
    InstrumentationScope, Value,
    global::{self, BoxedTracer},
    trace::TracerProvider,
};

use crate::{
    attempts::Attempts,
    calls::Calls,
    init,
    layer::{Setup, Spans},
    span::CallSpan,
    stats::Stats,
    telemetry::Telemetry,
};

/// Reads the wall clock.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What all services of one layer share.
pub(crate) struct Shared {
    pub(crate) calls: Arc<Calls>,
    attempts: Arc<Attempts>,
    /// The same as `attempts`: journals know listeners by their pointer.
    pub(crate) listener: Arc<dyn AttemptListener>,
    tracer: Option<Arc<BoxedTracer>>,
    provider: Value,
    clock: Clock,
}

impl Shared {
    pub(crate) fn new(setup: &Setup) -> Self {
        let metrics = setup.metrics.clone().unwrap_or_else(Metrics::global);
        let provider = &setup.provider;
        let calls = Calls::new(&metrics, provider.clone(), setup.max_models);
        let attempts = Attempts::new(&metrics, provider.clone(), &setup.routes, setup.max_models);
        let tracer = match &setup.spans {
            Spans::OfProcess => match init::of_process() {
                Some(telemetry) => tracer(&telemetry),
                None => Some(Arc::new(global::tracer_with_scope(scope()))),
            },
            Spans::Of(telemetry) => tracer(telemetry),
            Spans::With(tracer) => Some(tracer.clone()),
            Spans::None => None,
        };
        Self {
            calls,
            listener: attempts.clone(),
            attempts,
            tracer,
            provider: provider.clone().into(),
            clock: setup.clock.clone(),
        }
    }

    /// `None`: there are no spans.
    pub(crate) fn start_span<R: LlmRequest>(&self, call: &Call<R>) -> Option<CallSpan> {
        let tracer = self.tracer.as_ref()?;
        CallSpan::start(tracer, (self.clock)(), &self.provider, call)
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.calls.add_to(&mut stats);
        self.attempts.add_to(&mut stats);
        stats
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("stats", &self.stats())
            .field("spans", &self.tracer.is_some())
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

fn tracer(telemetry: &Telemetry) -> Option<Arc<BoxedTracer>> {
    let traces = telemetry.tracer_provider()?;
    let tracer = traces.tracer_with_scope(scope());
    Some(Arc::new(BoxedTracer::new(Box::new(tracer))))
}

/// One for the whole workspace: labels do not tell scopes apart.
fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(obs_metrics::SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}
