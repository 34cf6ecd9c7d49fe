//! Distributions, whose label sets are bound in advance.

use opentelemetry::{KeyValue, metrics};

/// Bounds in seconds for what waits for a model: 5 ms to 10 min.
pub const EXECUTION_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
    600.0,
];

/// Bounds in seconds for what waits for a cache: 10 us to 1 s.
pub const CACHE_SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0,
];

/// A distribution. Does nothing where metrics are switched off.
#[derive(Clone, Debug, Default)]
pub struct Histogram(pub(crate) Option<metrics::Histogram<f64>>);

/// A distribution with fixed labels: recording takes some 35 ns, and nothing where metrics are switched off.
#[derive(Clone, Debug, Default)]
#[must_use = "a label set is bound to be recorded with"]
pub struct BoundHistogram(Option<metrics::BoundHistogram<f64>>);

impl Histogram {
    /// With these labels. The series exists from now on, with a count of zero.
    pub fn bind(&self, labels: &[KeyValue]) -> BoundHistogram {
        BoundHistogram(self.0.as_ref().map(|h| h.bind(labels)))
    }

    /// Records with labels that cannot be bound in advance; this takes several times as long.
    pub fn record(&self, value: f64, labels: &[KeyValue]) {
        if let Some(histogram) = &self.0 {
            histogram.record(value, labels);
        }
    }
}

impl BoundHistogram {
    /// Records a value in the unit of the histogram. What is not a finite number is left out.
    pub fn record(&self, value: f64) {
        if let Some(histogram) = &self.0 {
            histogram.record(value);
        }
    }

    /// Whether it is worth while to read a clock for it.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }
}
