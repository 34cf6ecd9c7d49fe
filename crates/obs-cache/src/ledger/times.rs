//! Distributions of times.
use std::time::Duration;

use obs_core::Operation;
use obs_metrics::{BoundHistogram, CACHE_SECONDS, Metrics, PerOperation};
use opentelemetry::KeyValue;

/// Bounds in seconds for how long answers live: a second to a month.
const LIFE_SECONDS: &[f64] = &[
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    3600.0,
    4.0 * 3600.0,
    24.0 * 3600.0,
    3.0 * 24.0 * 3600.0,
    7.0 * 24.0 * 3600.0,
    30.0 * 24.0 * 3600.0,
];

/// How long look-ups take, how old answers are that are given, and for how long those are good that are kept.
#[derive(Debug)]
pub(super) struct Times {
    latency: [PerOperation<BoundHistogram>; 2],
    ages: PerOperation<BoundHistogram>,
    ttls: PerOperation<BoundHistogram>,
}

impl Times {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let what = "Time to look an answer up and to decode it.";
        let histogram = metrics.histogram("cache_latency", "s", what, CACHE_SECONDS);
        let latency = [false, true].map(|hit| {
            PerOperation::new(|operation| histogram.bind(&[KeyValue::new("hit", hit), operation]))
        });
        let life = |name, what| {
            let histogram = metrics.histogram(name, "s", what, LIFE_SECONDS);
            PerOperation::new(|operation| histogram.bind(&[operation]))
        };
        Self {
            latency,
            ages: life(
                "cache_hit_age",
                "Age of the stored answers that were given.",
            ),
            ttls: life("cache_ttl", "For how long answers are good that are kept."),
        }
    }

    pub(super) fn latency(&self, operation: Operation, hit: bool) -> &BoundHistogram {
        &self.latency[usize::from(hit)][operation]
    }

    pub(super) fn age(&self, operation: Operation, age: Duration) {
        self.ages[operation].record(age.as_secs_f64());
    }

    pub(super) fn ttl(&self, operation: Operation, ttl: Duration) {
        self.ttls[operation].record(ttl.as_secs_f64());
    }
}
