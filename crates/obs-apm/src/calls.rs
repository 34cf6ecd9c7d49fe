//! What is counted of calls.

use std::sync::{Arc, OnceLock};

use obs_core::Operation;
use obs_metrics::{BoundHistogram, Capped, Count, Histogram, Level, Metrics, PerOperation};
use opentelemetry::{Context, KeyValue};

use crate::{
    activity_metrics::asks_a_model,
    names::{self, SECONDS},
    outcome::Outcome,
    setup::Setup,
    stats::Stats,
};

/// What is counted of calls.
#[derive(Debug)]
pub(crate) struct Calls {
    ended: PerOperation<Ended>,
    in_flight: PerOperation<Level>,
    /// `None`: nobody wants to know how long anything takes.
    timers: Option<Timers>,
}

#[derive(Debug, Default)]
struct Ended {
    success: Count,
    error: Count,
    timeout: Count,
    cancelled: Count,
}

#[derive(Debug)]
struct Timers {
    provider: Arc<str>,
    models: Capped<Model>,
    duration: Histogram,
    first_chunk: Histogram,
    per_chunk: Histogram,
}

/// The times of calls for one model.
#[derive(Debug)]
struct Model {
    name: Arc<str>,
    series: PerOperation<OnceLock<Arc<Series>>>,
}

/// The times of calls for one model and operation.
#[derive(Debug)]
pub(crate) struct Series {
    model: Arc<str>,
    labels: [KeyValue; 3],
    duration: Histogram,
    success: BoundHistogram,
    /// Made when the first stream comes.
    chunks: OnceLock<Chunks>,
    first_chunk: Histogram,
    per_chunk: Histogram,
}

/// Where the times of a call go.
#[derive(Debug)]
pub(crate) enum Timed {
    /// Nobody wants to know them.
    Not,
    By(Arc<Series>),
    /// To the series of this name if it is answered to, else to that of all the others.
    Unproven(Box<str>),
}

#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) first: BoundHistogram,
    pub(crate) each: BoundHistogram,
}

impl Calls {
    pub(crate) fn new(metrics: &Metrics, setup: &Setup) -> Arc<Self> {
        let histogram = |name, description| metrics.histogram(name, "s", description, SECONDS);
        let timers = metrics.is_enabled().then(|| Timers {
            provider: setup.provider.clone(),
            models: Capped::new(setup.max_models),
            duration: histogram(
                names::DURATION,
                "How long calls take, streams to their last token.",
            ),
            first_chunk: histogram(
                names::TIME_TO_FIRST_CHUNK,
                "How long streamed calls take to their first chunk.",
            ),
            per_chunk: histogram(
                names::TIME_PER_CHUNK,
                "How long each chunk of a stream takes after the one before.",
            ),
        });
        for (_, model, _) in &setup.routes {
            timers.iter().for_each(|timers| drop(timers.model(model)));
        }
        let calls = Arc::new(Self {
            ended: PerOperation::default(),
            in_flight: PerOperation::default(),
            timers,
        });
        let ledger = calls.clone();
        metrics.counter(
            names::CALLS,
            "Calls that have ended, by outcome.",
            move |tell| {
                for (operation, ended) in ledger.ended.iter() {
                    for (outcome, count) in ended.each() {
                        let outcome = KeyValue::new("outcome", outcome.as_str());
                        tell(&[operation.clone(), outcome], count.get());
                    }
                }
            },
        );
        let ledger = calls.clone();
        metrics.up_down(
            names::IN_FLIGHT,
            "Calls that have not ended.",
            move |tell| {
                for (operation, level) in ledger.in_flight.iter() {
                    tell(&[operation], level.get());
                }
            },
        );
        calls
    }

    pub(crate) fn begin(&self, operation: Operation) {
        self.in_flight[operation].inc();
        if self.timers.is_some() {
            Context::map_current(asks_a_model);
        }
    }

    pub(crate) fn end(&self, operation: Operation, outcome: Outcome) {
        self.ended[operation].count(outcome).inc();
        self.in_flight[operation].dec();
    }

    /// Where the times of these calls go.
    ///
    /// Callers choose names of models: one that is neither announced nor answered to is no label yet.
    pub(crate) fn series(&self, operation: Operation, model: &str) -> Timed {
        let Some(timers) = &self.timers else {
            return Timed::Not;
        };
        match timers.models.get(model) {
            Some(model) => Timed::By(timers.series(&model, operation)),
            None => Timed::Unproven(model.into()),
        }
    }

    /// Of a model that has answered to this name.
    pub(crate) fn proven(&self, operation: Operation, model: &str) -> Option<Arc<Series>> {
        let timers = self.timers.as_ref()?;
        Some(timers.series(&timers.model(model), operation))
    }

    pub(crate) fn add_to(&self, stats: &mut Stats) {
        for (_, ended) in self.ended.iter() {
            stats.success += ended.success.get();
            stats.error += ended.error.get();
            stats.timeout += ended.timeout.get();
            stats.cancelled += ended.cancelled.get();
        }
        let in_flight: i64 = self.in_flight.iter().map(|(_, level)| level.get()).sum();
        stats.in_flight += u64::try_from(in_flight).unwrap_or(0);
    }
}

impl Timers {
    /// By its name, or among the others.
    fn model(&self, name: &str) -> Arc<Model> {
        self.models.entry(name, |name| Model {
            name: name.clone(),
            series: PerOperation::default(),
        })
    }

    fn series(&self, model: &Model, operation: Operation) -> Arc<Series> {
        let series = model.series[operation]
            .get_or_init(|| Arc::new(Series::new(self, operation, model.name.clone())));
        series.clone()
    }
}

impl Timed {
    /// The model has answered, so that its name is a label.
    pub(crate) fn prove(&mut self, calls: &Calls, operation: Operation) {
        if let Self::Unproven(model) = self {
            *self = calls.proven(operation, model).map_or(Self::Not, Self::By);
        }
    }

    /// Where its times are told by now.
    pub(crate) const fn series(&self) -> Option<&Arc<Series>> {
        match self {
            Self::By(series) => Some(series),
            Self::Not | Self::Unproven(_) => None,
        }
    }
}

impl Ended {
    const fn count(&self, outcome: Outcome) -> &Count {
        match outcome {
            Outcome::Success => &self.success,
            Outcome::Error => &self.error,
            Outcome::Timeout => &self.timeout,
            Outcome::Cancelled => &self.cancelled,
        }
    }

    fn each(&self) -> impl Iterator<Item = (Outcome, &Count)> {
        [
            Outcome::Success,
            Outcome::Error,
            Outcome::Timeout,
            Outcome::Cancelled,
        ]
        .into_iter()
        .map(|outcome| (outcome, self.count(outcome)))
    }
}

impl Series {
    fn new(timers: &Timers, operation: Operation, model: Arc<str>) -> Self {
        let labels = [
            KeyValue::new(names::OPERATION_NAME, operation.as_str()),
            KeyValue::new(names::PROVIDER_NAME, timers.provider.clone()),
            KeyValue::new(names::REQUEST_MODEL, model.clone()),
        ];
        Self {
            model,
            success: timers.duration.bind(&labels),
            labels,
            duration: timers.duration.clone(),
            chunks: OnceLock::new(),
            first_chunk: timers.first_chunk.clone(),
            per_chunk: timers.per_chunk.clone(),
        }
    }

    /// The model's name, or that of all the others.
    pub(crate) fn model(&self) -> Arc<str> {
        self.model.clone()
    }

    /// One call; `error`: what went wrong, from a closed list.
    pub(crate) fn took(&self, seconds: f64, error: Option<&'static str>) {
        match error {
            None => self.success.record(seconds),
            // Seldom, and of many kinds: not worth a bound instrument for each.
            Some(error) => {
                let [operation, provider, model] = self.labels.clone();
                let error = KeyValue::new(names::ERROR_TYPE, error);
                let labels = [operation, provider, model, error];
                self.duration.record(seconds, &labels);
            }
        }
    }

    pub(crate) fn chunks(&self) -> &Chunks {
        self.chunks.get_or_init(|| Chunks {
            first: self.first_chunk.bind(&self.labels),
            each: self.per_chunk.bind(&self.labels),
        })
    }
}
