//! What all services of one layer share.

use std::{fmt, sync::Arc};

use obs_core::AttemptListener;
use obs_metrics::Metrics;
use opentelemetry::{
    KeyValue,
    global::{self, BoxedTracer},
    trace::TracerProvider,
};

use crate::{
    Conventions,
    attempts::Attempts,
    calls::Calls,
    init, names,
    setup::{Setup, Spans},
    spans::{Spanning, scope},
    stats::Stats,
    telemetry::Telemetry,
};

/// What all services of one layer share.
pub(crate) struct Shared {
    pub(crate) calls: Arc<Calls>,
    attempts: Arc<Attempts>,
    /// The same as `attempts`: journals know listeners by their pointer.
    pub(crate) listener: Arc<dyn AttemptListener>,
    /// `None`: there are no spans.
    pub(crate) spans: Option<Arc<Spanning>>,
}

impl Shared {
    pub(crate) fn new(setup: &Setup) -> Self {
        let metrics = setup.metrics.clone().unwrap_or_else(Metrics::global);
        let telemetry = match &setup.spans {
            Spans::OfProcess => init::of_process(),
            Spans::Of(telemetry) => Some(telemetry.clone()),
            Spans::With(_) | Spans::None => None,
        };
        let of_telemetry = telemetry.as_ref().map(Telemetry::conventions);
        let conventions = setup.conventions.or(of_telemetry).unwrap_or_default();
        let calls = Calls::new(&metrics, setup);
        let attempts = Attempts::new(&metrics, setup, conventions);
        let tracer = match (&setup.spans, &telemetry) {
            (Spans::None, _) => None,
            (Spans::With(tracer), _) => Some(tracer.clone()),
            (_, Some(telemetry)) => tracer(telemetry),
            (_, None) => Some(Arc::new(global::tracer_with_scope(scope()))),
        };
        Self {
            calls,
            listener: attempts.clone(),
            attempts,
            spans: tracer.map(|tracer| {
                let tail = telemetry.and_then(|telemetry| telemetry.tail());
                Arc::new(spanning(setup, tracer, tail, conventions))
            }),
        }
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
            .field("spans", &self.spans)
            .finish_non_exhaustive()
    }
}

fn spanning(
    setup: &Setup,
    tracer: Arc<BoxedTracer>,
    tail: Option<Arc<crate::keep::Tail>>,
    conventions: Conventions,
) -> Spanning {
    let providers = setup.routes.iter();
    let providers = providers.map(|(route, _, provider)| (route.clone(), provider.clone().into()));
    Spanning {
        tracer,
        tail,
        conventions,
        capture: setup.capture.clone(),
        provider: setup.provider.clone().into(),
        providers: providers.collect(),
        servers: setup.servers.iter().map(server).collect(),
        clock: setup.clock.clone(),
        eager: !matches!(setup.spans, Spans::OfProcess | Spans::Of(_)),
    }
}

fn server((provider, address, port): &(Arc<str>, Arc<str>, u16)) -> (Arc<str>, [KeyValue; 2]) {
    let address = KeyValue::new(names::SERVER_ADDRESS, address.clone());
    let port = KeyValue::new(names::SERVER_PORT, i64::from(*port));
    (provider.clone(), [address, port])
}

pub(crate) fn tracer(telemetry: &Telemetry) -> Option<Arc<BoxedTracer>> {
    let traces = telemetry.tracer_provider()?;
    let tracer = traces.tracer_with_scope(scope());
    Some(Arc::new(BoxedTracer::new(Box::new(tracer))))
}
