//! What is counted of agents and tools, with the names, bounds and labels of the conventions.

use std::sync::{
    Arc, LazyLock, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use obs_metrics::{Capped, Metrics};
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use crate::names::{self, SECONDS};

/// An agent asks models many times, and may wait for people.
const AGENT_SECONDS: &[f64] = &[
    0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6,
];

const CALLS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Names of agents and of tools are often those that a model chose.
static NAMES: LazyLock<[Capped<Arc<str>>; 2]> = LazyLock::new(Default::default);

/// What is timed. Agents that run elsewhere are timed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Tool,
}

/// Of one agent: how often it asked a model, and had a tool run. Agents that it asks have their own.
#[derive(Debug, Default)]
struct Asked {
    models: AtomicU64,
    tools: AtomicU64,
}

/// One agent or tool. Told when it is dropped.
#[derive(Debug)]
pub(crate) struct Timed {
    kind: Kind,
    name: Arc<str>,
    metrics: Metrics,
    start: Instant,
    asked: Option<Arc<Asked>>,
    error: OnceLock<&'static str>,
}

impl Timed {
    /// From now on, within `parent`; `None`: nobody wants to know.
    pub(crate) fn start(
        kind: Kind,
        name: &str,
        metrics: Metrics,
        parent: &Context,
    ) -> Option<Self> {
        if kind == Kind::Tool
            && let Some(agent) = parent.get::<Arc<Asked>>()
        {
            agent.tools.fetch_add(1, Ordering::Relaxed);
        }
        metrics.is_enabled().then(|| Self {
            kind,
            name: NAMES[kind as usize].name(name),
            metrics,
            start: Instant::now(),
            asked: (kind == Kind::Agent).then(Arc::default),
            error: OnceLock::new(),
        })
    }

    /// The context in which it counts what it asks.
    pub(crate) fn within(&self, context: Context) -> Context {
        match &self.asked {
            Some(asked) => context.with_value(asked.clone()),
            None => context,
        }
    }

    pub(crate) fn fail(&self, error: &'static str) {
        // What was said first is the cause of the rest.
        let _ = self.error.set(error);
    }

    fn tell(&self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (metric, description, bounds, label) = match self.kind {
            Kind::Agent => (
                names::AGENT_DURATION,
                "How long agents of this process took.",
                AGENT_SECONDS,
                names::AGENT_NAME,
            ),
            Kind::Tool => (
                names::TOOL_DURATION,
                "How long tools took.",
                SECONDS,
                names::TOOL_NAME,
            ),
        };
        let name = KeyValue::new(label, self.name.clone());
        let mut labels = vec![name.clone()];
        let error = self.error.get();
        labels.extend(error.map(|error| KeyValue::new(names::ERROR_TYPE, *error)));
        let durations = self.metrics.histogram(metric, "s", description, bounds);
        durations.record(seconds, &labels);
        let Some(asked) = &self.asked else { return };
        let tell = |metric, unit, description, count: &AtomicU64| {
            let histogram = self.metrics.histogram(metric, unit, description, CALLS);
            let count = count.load(Ordering::Relaxed) as f64;
            histogram.record(count, std::slice::from_ref(&name));
        };
        tell(
            names::AGENT_MODEL_CALLS,
            "{inference_call}",
            "How often an agent asked a model.",
            &asked.models,
        );
        tell(
            names::AGENT_TOOL_CALLS,
            "{tool_call}",
            "How often an agent had a tool run.",
            &asked.tools,
        );
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.tell();
    }
}

/// A model is asked in this context.
pub(crate) fn asks_a_model(context: &Context) {
    if let Some(agent) = context.get::<Arc<Asked>>() {
        agent.models.fetch_add(1, Ordering::Relaxed);
    }
}
