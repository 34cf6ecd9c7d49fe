//! What an exporter sees.
use obs_core::ErrorKind;
use obs_metrics::Metrics;
use obs_router::{Reason, RouterLayer};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

use crate::support::*;

/// A provider of its own for each test: the global one is shared by all.
struct Collector {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    metrics: Metrics,
}

impl Collector {
    fn new() -> Self {
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

    /// The value of this series (of a histogram: its count).
    #[track_caller]
    fn value(&self, name: &str, labels: &[(&'static str, &'static str)]) -> Option<f64> {
        let labels: Vec<_> = labels.iter().map(|(k, v)| KeyValue::new(*k, *v)).collect();
        self.exporter.reset();
        self.provider.force_flush().expect("collects");
        let collected = self.exporter.get_finished_metrics().expect("not poisoned");
        let mut metrics = collected
            .iter()
            .flat_map(|resource| resource.scope_metrics())
            .flat_map(|scope| scope.metrics())
            .filter(|metric| metric.name() == name);
        let metric = metrics.next()?;
        assert!(metrics.next().is_none(), "{name} twice");
        let is = |point: Vec<&KeyValue>| {
            point.len() == labels.len() && labels.iter().all(|l| point.contains(&l))
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                let mut points = sum.data_points();
                points
                    .find(|p| is(p.attributes().collect()))
                    .map(|p| p.value() as f64)
            }
            AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                let mut points = sum.data_points();
                points
                    .find(|p| is(p.attributes().collect()))
                    .map(|p| p.value())
            }
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                assert_eq!(metric.unit(), "s");
                let mut points = histogram.data_points();
                points
                    .find(|p| is(p.attributes().collect()))
                    .map(|p| p.count() as f64)
            }
            _ => panic!("{name} is of another kind"),
        }
    }
}

#[tokio::test]
async fn every_series_of_the_routes_is_there_from_the_start() {
    let collector = Collector::new();
    let layer = cheap_first().metrics(&collector.metrics);
    let _service = tower_layer::Layer::layer(&layer, script([]).model());
    for route in ["cheap", "premium", "other"] {
        for name in [
            "router_errors_total",
            "router_cost_savings_usd",
            "router_cost_losses_usd",
            "router_savings_unknown_total",
        ] {
            assert_eq!(
                collector.value(name, &[("route", route)]),
                Some(0.0),
                "{name}"
            );
        }
        for reason in Reason::ALL {
            let labels = [("route", route), ("reason", reason.as_str())];
            assert_eq!(
                collector.value("router_decisions_total", &labels),
                Some(0.0)
            );
        }
    }
    assert_eq!(
        collector.value("router_policy_errors_total", &[]),
        Some(0.0)
    );
}

#[tokio::test(start_paused = true)]
async fn metrics_and_stats_are_the_same_figures() {
    let collector = Collector::new();
    let layer = cheap_first().metrics(&collector.metrics);
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    let fallen = script([(0, Err(bad(ErrorKind::Upstream))), (0, Ok(whole("b")))]);
    run(&layer, &fallen, ask()).await.unwrap();
    let answer = run(&layer, &script([(0, Ok(good()))]), ask_streamed()).await;
    answer.unwrap().drain().await;
    let stats = layer.stats();
    for of in &stats.routes {
        let route: &'static str = String::leak(of.route.to_string());
        let one = |name| collector.value(name, &[("route", route)]);
        assert_eq!(one("router_errors_total"), Some(of.errors as f64));
        assert_eq!(
            one("router_cost_savings_usd"),
            Some(of.saved.as_dollars_f64())
        );
        assert_eq!(
            one("router_cost_losses_usd"),
            Some(of.lost.as_dollars_f64())
        );
        assert_eq!(
            one("router_savings_unknown_total"),
            Some(of.savings_unknown as f64)
        );
        assert_eq!(
            one("router_execution").unwrap_or(0.0),
            of.attempts as f64,
            "{route}"
        );
        for reason in Reason::ALL {
            let labels = [("route", route), ("reason", reason.as_str())];
            let decisions = collector.value("router_decisions_total", &labels);
            assert_eq!(decisions, Some(of.decisions(reason) as f64));
        }
    }
    let cheap = stats.route("cheap").unwrap();
    assert_eq!((cheap.attempts, cheap.errors, cheap.calls()), (3, 1, 2));
    assert_eq!(cheap.saved, units(252));
}

#[tokio::test]
async fn layers_that_share_metrics_are_summed() {
    let collector = Collector::new();
    for _ in 0..2 {
        let layer = RouterLayer::new(to("cheap"), routes()).metrics(&collector.metrics);
        run(&layer, &script([(0, Ok(whole("a")))]), ask())
            .await
            .unwrap();
        assert_eq!(layer.stats().calls(), 1);
    }
    let labels = [("route", "cheap"), ("reason", "caller")];
    assert_eq!(
        collector.value("router_decisions_total", &labels),
        Some(2.0)
    );
}
