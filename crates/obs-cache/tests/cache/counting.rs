//! Metrics say what `stats()` says.
use std::{collections::BTreeMap, time::Duration};

use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

struct Meters {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    metrics: Metrics,
}

/// Series by name and labels: `cache_hits_total{operation=chat}`.
type Series = BTreeMap<String, f64>;

impl Meters {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone())
            .with_interval(Duration::from_secs(3600))
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let metrics = Metrics::new(provider.meter("obs"));
        Self {
            provider,
            exporter,
            metrics,
        }
    }

    fn read(&self) -> Series {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut series = Series::new();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for scope in resource.scope_metrics() {
                for metric in scope.metrics() {
                    collect(metric.name(), metric.data(), &mut series);
                }
            }
        }
        series
    }
}

fn collect(name: &str, data: &AggregatedMetrics, into: &mut Series) {
    macro_rules! points {
        ($data:expr) => {
            match $data {
                MetricData::Sum(sum) => {
                    for point in sum.data_points() {
                        into.insert(series(name, point.attributes()), point.value() as f64);
                    }
                }
                MetricData::Gauge(gauge) => {
                    for point in gauge.data_points() {
                        into.insert(series(name, point.attributes()), point.value() as f64);
                    }
                }
                MetricData::Histogram(histogram) => {
                    for point in histogram.data_points() {
                        into.insert(series(name, point.attributes()), point.count() as f64);
                    }
                }
                MetricData::ExponentialHistogram(_) => {}
            }
        };
    }
    match data {
        AggregatedMetrics::F64(data) => points!(data),
        AggregatedMetrics::U64(data) => points!(data),
        AggregatedMetrics::I64(data) => points!(data),
    }
}

fn series<'a>(name: &str, labels: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> String {
    let mut labels: Vec<_> = labels
        .map(|label| format!("{}={}", label.key, label.value))
        .collect();
    labels.sort();
    format!("{name}{{{}}}", labels.join(","))
}

fn model() -> impl Fn(Call<Req>) -> std::future::Ready<Result<Chat, Error>> + Clone {
    |call| {
        std::future::ready(match &*call.request.prompt {
            "bad" => Err(Error::new(ErrorKind::Upstream, "no")),
            _ => Ok(whole("hi")),
        })
    }
}

#[tokio::test]
async fn every_series_is_there_from_the_start_but_the_rate() {
    let meters = Meters::new();
    let layer = CacheLayer::new(Memory::new(1 << 20)).metrics(&meters.metrics);
    let _service = layer.layer(service_fn(model()));
    let series = meters.read();
    for name in [
        "cache_hits_total",
        "cache_misses_total",
        "cache_stale_total",
        "cache_coalesced_total",
        "cache_bypass_total",
        "cache_cancelled_total",
        "cache_followers_failed_total",
        "cache_negative_total",
        "cache_early_refreshes_total",
        "cache_cost_savings_usd",
    ] {
        for operation in Operation::ALL {
            let name = format!("{name}{{operation={operation}}}");
            assert_eq!(series.get(&name), Some(&0.0), "{name}");
        }
    }
    for name in [
        "cache_entries{}",
        "cache_bytes{}",
        "cache_evictions_total{}",
    ] {
        assert_eq!(series.get(name), Some(&0.0), "{name}");
    }
    let timeouts = "cache_store_errors_total{kind=timeout,op=read}";
    assert_eq!(series.get(timeouts), Some(&0.0));
    assert_eq!(
        series.get("cache_latency{hit=true,operation=chat}"),
        Some(&0.0)
    );
    assert!(!series.keys().any(|name| name.starts_with("cache_hit_rate")));
}

#[tokio::test]
async fn metrics_and_stats_are_one_ledger() {
    let meters = Meters::new();
    let layer = CacheLayer::new(Memory::new(1 << 20)).metrics(&meters.metrics);
    let attempts = AttemptLayer::new(prices()).enveloped();
    let cache = layer.layer(attempts.layer(service_fn(model())));
    let ask = async |prompt: &str, directives: CacheDirectives| {
        let call = asking(prompt).cache(directives);
        let _ = cache.clone().oneshot(call).await;
    };
    for prompt in ["a", "a", "a", "b", "bad", "bad"] {
        ask(prompt, CacheDirectives::default()).await;
    }
    ask("a", CacheDirectives::default().no_store()).await;
    ask("a", CacheDirectives::default().no_cache()).await;
    drop(cache.clone().oneshot(asking("a")));
    let mut embeddings = asking("a");
    embeddings.request.operation = Operation::Embeddings;
    cache.clone().oneshot(embeddings).await.unwrap();

    let series = meters.read();
    let of = |name: &str| series[&format!("{name}{{operation=chat}}")];
    assert_eq!(
        ["hits", "misses", "bypass", "cancelled"].map(|name| of(&format!("cache_{name}_total"))),
        [2.0, 4.0, 2.0, 0.0]
    );
    assert_eq!(series["cache_misses_total{operation=embeddings}"], 1.0);
    assert_eq!(of("cache_hit_rate"), 2.0 / 6.0);
    assert_eq!(of("cache_cost_savings_usd"), usd(100).as_dollars_f64());
    assert_eq!(series["cache_entries{}"], 3.0);
    assert!(series["cache_bytes{}"] > 100.0);
    assert_eq!(series["cache_latency{hit=true,operation=chat}"], 2.0);
    assert_eq!(series["cache_latency{hit=false,operation=chat}"], 4.0);

    let stats = layer.stats();
    let sum = |name: &str| -> f64 {
        let all = series
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{name}{{")));
        all.map(|(_, value)| value).sum()
    };
    assert_eq!(sum("cache_hits_total"), stats.hits as f64);
    assert_eq!(sum("cache_misses_total"), stats.misses as f64);
    assert_eq!(sum("cache_bypass_total"), stats.bypassed as f64);
    assert_eq!(sum("cache_cost_savings_usd"), stats.saved.as_dollars_f64());
    assert_eq!(stats.hit_rate(), Some(2.0 / 7.0));
    assert_eq!(stats.calls(), 9);
}

#[tokio::test(start_paused = true)]
async fn freshness_refusals_and_renewals_are_of_the_same_ledger() {
    let (meters, wall, background) = (Meters::new(), Wall::new(), Background::new(4));
    let layer = CacheLayer::new(Memory::new(1 << 20))
        .metrics(&meters.metrics)
        .clock(wall.clock())
        .ttl(Duration::from_secs(60))
        .adaptive_ttl(AdaptiveTtl::between(
            Duration::from_secs(1),
            Duration::from_secs(60),
        ))
        .early_refresh(1e9, background.clone())
        .negative_ttl(Duration::from_secs(60))
        .lease(Duration::from_secs(1));
    let cache = layer.layer(service_fn(|call: Call<Req>| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match &*call.request.prompt {
            "no" => Err(Error::new(ErrorKind::Caller, "no")),
            _ => Ok(whole("hi")),
        }
    }));
    for prompt in ["a", "a", "no", "no", "no"] {
        let _ = cache.clone().oneshot(asking(prompt)).await;
        while background.in_flight() > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        wall.advance(Duration::from_secs(3));
    }
    let (series, stats) = (meters.read(), layer.stats());
    let of = |name: &str, labels: &str| {
        let name = format!("{name}{{{labels}operation=chat}}");
        *series
            .get(&name)
            .unwrap_or_else(|| panic!("{name}: {series:?}"))
    };
    assert_eq!(of("cache_negative_total", ""), 2.0);
    assert_eq!((stats.negative, stats.misses), (2, 2));
    assert_eq!(of("cache_early_refreshes_total", ""), 1.0);
    assert_eq!((stats.refreshes_early, stats.refreshes), (1, 1));
    assert_eq!(of("cache_renewals_total", "changed=false,"), 1.0);
    assert_eq!(of("cache_renewals_total", "changed=true,"), 0.0);
    assert_eq!((stats.renewals, stats.renewals_changed), (1, 0));
    // One answer given again; two that were kept.
    assert_eq!(of("cache_hit_age", ""), 1.0);
    assert_eq!(of("cache_ttl", ""), 2.0);
    for outcome in ["given", "called"] {
        let name = format!("cache_lease_waits_total{{operation=chat,outcome={outcome}}}");
        assert_eq!(series[&name], 0.0);
    }
    assert_eq!((stats.lease_waits, stats.ttls.len()), (0, 1));
    assert_eq!(stats.calls(), 5);
}

#[tokio::test]
async fn a_call_that_is_made_and_never_polled_is_cancelled() {
    let layer = layer(Memory::new(1 << 20));
    let mut cache = layer.layer(service_fn(model()));
    drop(tower::Service::call(&mut cache, asking("a")));
    assert_eq!((layer.stats().cancelled, layer.stats().calls()), (1, 1));
}

#[tokio::test]
async fn layers_that_share_metrics_and_a_store_are_summed_and_the_store_is_told_once() {
    let meters = Meters::new();
    let store = Memory::new(1 << 20);
    let make = || CacheLayer::new(store.clone()).metrics(&meters.metrics);
    let (one, other) = (make(), make());
    let services = [&one, &one, &other].map(|layer| layer.layer(service_fn(model())));
    for (service, prompt) in services.iter().zip(["a", "a", "a"]) {
        service.clone().oneshot(asking(prompt)).await.unwrap();
    }
    let series = meters.read();
    assert_eq!(series["cache_hits_total{operation=chat}"], 2.0);
    assert_eq!(series["cache_misses_total{operation=chat}"], 1.0);
    assert_eq!(series["cache_entries{}"], 1.0);
    assert_eq!((one.stats().hits, other.stats().hits), (1, 1));
}

#[tokio::test]
async fn without_metrics_the_ledger_counts_on() {
    let layer = layer(Memory::new(1 << 20));
    let cache = layer.layer(service_fn(model()));
    for _ in 0..3 {
        cache.clone().oneshot(asking("a")).await.unwrap();
    }
    assert_eq!((layer.stats().hits, layer.stats().misses), (2, 1));
}
