//! What an exporter sees.
use obs_budget::{Budget, Budgets, Window};
use obs_metrics::Metrics;
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

use crate::support::{Clock, usd};

fn value(
    (provider, exporter): &(SdkMeterProvider, InMemoryMetricExporter),
    name: &str,
    labels: &[(&'static str, &'static str)],
) -> Option<f64> {
    exporter.reset();
    provider.force_flush().expect("collects");
    let labels: Vec<_> = labels.iter().map(|(k, v)| KeyValue::new(*k, *v)).collect();
    let collected = exporter.get_finished_metrics().expect("not poisoned");
    let mut metrics = collected
        .iter()
        .flat_map(|resource| resource.scope_metrics())
        .flat_map(|scope| scope.metrics());
    let metric = metrics.find(|metric| metric.name() == name)?;
    let is = |point: Vec<&KeyValue>| {
        point.len() == labels.len() && labels.iter().all(|l| point.contains(&l))
    };
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            let point = sum.data_points().find(|p| is(p.attributes().collect()));
            point.map(|point| point.value() as f64)
        }
        AggregatedMetrics::F64(MetricData::Sum(sum)) => {
            let point = sum.data_points().find(|p| is(p.attributes().collect()));
            point.map(|point| point.value())
        }
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
            let point = gauge.data_points().find(|p| is(p.attributes().collect()));
            point.map(|point| point.value())
        }
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn the_exporter_sees_the_ledger_and_the_name_that_has_least_left() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let metrics = Metrics::new(provider.meter("test"));
    let collector = (provider, exporter);
    let clock = Clock::at_midnight();
    let limits = [
        Budget::dollars(usd("2"), Window::HOUR),
        Budget::requests(4, Window::MINUTE),
    ];
    let budgets = Budgets::builder("tenant", limits).metrics(metrics);
    let budgets = budgets.clock(move || clock.now()).build();
    let ratio = |unit, window| {
        let labels = [("scope", "tenant"), ("unit", unit), ("window", window)];
        value(&collector, "budget_remaining_ratio", &labels)
    };
    assert_eq!(ratio("usd", "hour"), Some(1.0), "before anything was spent");
    budgets.charge("a", usd("0.5"));
    budgets.charge("b", usd("1.5"));
    assert_eq!(ratio("usd", "hour"), Some(0.25));
    assert_eq!(ratio("requests", "minute"), Some(1.0));
    budgets.charge("b", usd("1.5"));
    assert!(budgets.admit("b").is_err());
    assert_eq!(ratio("usd", "hour"), Some(0.0));
    let scope = [("scope", "tenant")];
    assert_eq!(
        value(&collector, "budget_spent_usd_total", &scope),
        Some(3.5)
    );
    assert_eq!(value(&collector, "budget_refused_total", &scope), Some(1.0));
    assert_eq!(
        value(&collector, "budget_cost_unknown_total", &scope),
        Some(0.0)
    );
    assert_eq!(
        value(&collector, "budget_store_errors_total", &scope),
        Some(0.0)
    );
    assert_eq!(budgets.stats().spent, usd("3.5"));
}
