//! What an exporter would see.
use std::collections::BTreeMap;

use obs_metrics::Metrics;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

/// A provider of its own for each test: the global one is shared by all.
pub(crate) struct Collector {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    pub metrics: Metrics,
}

/// The value of each series, by metric and operation, with a reason after a slash if it has one; of a histogram the count, and with `_sum` the sum.
pub(crate) type Series = BTreeMap<(String, String), f64>;

impl Collector {
    pub(crate) fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let metrics = Metrics::new(provider.meter("test"));
        Self {
            provider,
            exporter,
            metrics,
        }
    }

    pub(crate) fn series(&self) -> Series {
        self.exporter.reset();
        self.provider.force_flush().expect("collects");
        let collected = self.exporter.get_finished_metrics().expect("not poisoned");
        let mut series = Series::new();
        for metric in collected
            .iter()
            .flat_map(|r| r.scope_metrics())
            .flat_map(|s| s.metrics())
        {
            let mut put = |suffix: &str, labels: Vec<opentelemetry::KeyValue>, value: f64| {
                let get = |key| labels.iter().find(|label| label.key.as_str() == key);
                let mut of = get("operation").expect("operation").value.to_string();
                match get("reason") {
                    Some(reason) => of = format!("{of}/{}", reason.value),
                    None => assert_eq!(labels.len(), 1, "{labels:?}"),
                }
                let name = format!("{}{suffix}", metric.name());
                series.insert((name, of), value);
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    assert!(sum.is_monotonic());
                    for p in sum.data_points() {
                        put("", p.attributes().cloned().collect(), p.value() as f64);
                    }
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    for p in gauge.data_points() {
                        put("", p.attributes().cloned().collect(), p.value());
                    }
                }
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    assert_eq!(metric.unit(), "s");
                    for p in histogram.data_points() {
                        put("", p.attributes().cloned().collect(), p.count() as f64);
                        put("_sum", p.attributes().cloned().collect(), p.sum());
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        series
    }
}

pub(crate) fn at(series: &Series, name: &str, operation: &str) -> Option<f64> {
    series
        .get(&(name.to_owned(), operation.to_owned()))
        .copied()
}
