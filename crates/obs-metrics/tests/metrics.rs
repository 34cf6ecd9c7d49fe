//! What an exporter sees of the ledgers of several layers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use obs_core::Usd;
use obs_metrics::{Capped, Count, Dollars, EXECUTION_SECONDS, Level, Metrics};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

/// A provider of its own for each test: the global one is shared by all.
struct Collector {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    metrics: Metrics,
}

/// One series: labels as text, and the value (of a histogram: its count).
type Series = Vec<(String, f64)>;

impl Collector {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(exporter.clone()).build())
            .build();
        let metrics = Metrics::new(provider.meter("test"));
        Self {
            provider,
            exporter,
            metrics,
        }
    }

    /// Every series of this name, sorted by labels.
    fn series(&self, name: &str) -> Series {
        self.exporter.reset();
        self.provider.force_flush().expect("collects");
        let collected = self.exporter.get_finished_metrics().expect("not poisoned");
        let metrics = collected
            .iter()
            .flat_map(|resource| resource.scope_metrics())
            .flat_map(|scope| scope.metrics())
            .filter(|metric| metric.name() == name);
        let mut series: Series = metrics.flat_map(|metric| read(metric.data())).collect();
        series.sort_by(|a, b| a.0.cmp(&b.0));
        series
    }

    fn names(&self) -> usize {
        self.exporter.reset();
        self.provider.force_flush().expect("collects");
        let collected = self.exporter.get_finished_metrics().expect("not poisoned");
        collected
            .iter()
            .flat_map(|resource| resource.scope_metrics())
            .flat_map(|scope| scope.metrics())
            .count()
    }
}

fn read(data: &AggregatedMetrics) -> Series {
    match data {
        AggregatedMetrics::U64(data) => points(data, |n| n as f64),
        AggregatedMetrics::I64(data) => points(data, |n| n as f64),
        AggregatedMetrics::F64(data) => points(data, |n| n),
    }
}

fn points<T: Copy>(data: &MetricData<T>, float: impl Fn(T) -> f64) -> Series {
    match data {
        MetricData::Sum(sum) => sum
            .data_points()
            .map(|point| (text(point.attributes()), float(point.value())))
            .collect(),
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .map(|point| (text(point.attributes()), float(point.value())))
            .collect(),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .map(|point| (text(point.attributes()), point.count() as f64))
            .collect(),
        MetricData::ExponentialHistogram(_) => unreachable!("none is made here"),
    }
}

fn text<'a>(labels: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: Vec<_> = labels
        .map(|label| format!("{}={}", label.key, label.value))
        .collect();
    labels.sort();
    labels.join(",")
}

fn series<const N: usize>(series: [(&str, f64); N]) -> Series {
    series
        .map(|(labels, value)| (labels.to_owned(), value))
        .to_vec()
}

fn show_count(metrics: &Metrics, labels: &[KeyValue]) -> Arc<Count> {
    let count = Arc::new(Count::new());
    let (ledger, labels) = (count.clone(), labels.to_vec());
    metrics.counter("calls_total", "Calls.", move |tell| {
        tell(&labels, ledger.get())
    });
    count
}

#[test]
fn layers_that_share_metrics_are_summed_by_label_set() {
    let collector = Collector::new();
    let cheap = [KeyValue::new("route", "cheap")];
    let first = show_count(&collector.metrics, &cheap);
    let second = show_count(&collector.metrics.clone(), &cheap);
    let other = show_count(&collector.metrics, &[KeyValue::new("route", "premium")]);
    first.add(2);
    second.add(3);
    other.inc();
    let expected = series([("route=cheap", 5.0), ("route=premium", 1.0)]);
    assert_eq!(collector.series("calls_total"), expected);
}

#[test]
fn the_order_of_labels_makes_no_second_series() {
    let collector = Collector::new();
    let (a, b) = (KeyValue::new("a", "1"), KeyValue::new("b", true));
    show_count(&collector.metrics, &[a.clone(), b]).inc();
    show_count(&collector.metrics, &[KeyValue::new("b", "true"), a]).inc();
    assert_eq!(
        collector.series("calls_total"),
        series([("a=1,b=true", 2.0)])
    );
}

#[test]
fn a_count_of_zero_is_a_series_from_the_start() {
    let collector = Collector::new();
    let _count = show_count(&collector.metrics, &[]);
    assert_eq!(collector.series("calls_total"), series([("", 0.0)]));
}

#[test]
fn layers_made_after_a_collection_are_counted() {
    let collector = Collector::new();
    show_count(&collector.metrics, &[]).inc();
    assert_eq!(collector.series("calls_total"), series([("", 1.0)]));
    let late = show_count(&collector.metrics, &[]);
    late.add(4);
    assert_eq!(collector.series("calls_total"), series([("", 5.0)]));
    assert_eq!(collector.names(), 1);
}

#[test]
fn a_counter_does_not_fall_when_a_layer_is_dropped() {
    let collector = Collector::new();
    let count = show_count(&collector.metrics, &[]);
    count.add(3);
    drop(count);
    show_count(&collector.metrics, &[]).inc();
    assert_eq!(collector.series("calls_total"), series([("", 4.0)]));
}

#[test]
fn metrics_on_other_meters_are_apart() {
    let (one, two) = (Collector::new(), Collector::new());
    show_count(&one.metrics, &[]).inc();
    show_count(&two.metrics, &[]).add(2);
    assert_eq!(one.series("calls_total"), series([("", 1.0)]));
    assert_eq!(two.series("calls_total"), series([("", 2.0)]));
}

#[test]
fn money_is_summed_exactly_and_converted_once() {
    let collector = Collector::new();
    let mut sum = Usd::ZERO;
    for pico in [1, 333_333_333_333, 2_000_000_000_001] {
        let paid = Arc::new(Dollars::new());
        paid.add(Usd::from_pico(pico));
        sum += Usd::from_pico(pico);
        collector
            .metrics
            .usd("cost_usd", "Paid.", move |tell| tell(&[], paid.get()));
    }
    let exported = collector.series("cost_usd");
    assert_eq!(sum.as_dollars_f64(), 2.333_333_333_335);
    assert_eq!(exported, series([("", sum.as_dollars_f64())]));
}

#[test]
fn ratios_are_of_sums_and_not_sums_of_ratios() {
    let collector = Collector::new();
    for (hits, calls) in [(1, 1), (0, 3)] {
        let (hits, calls) = (Count::from(hits), Count::from(calls));
        collector
            .metrics
            .ratio("hit_rate", "Hits of look-ups.", move |tell| {
                tell(&[], hits.get(), calls.get());
            });
    }
    assert_eq!(collector.series("hit_rate"), series([("", 0.25)]));
}

#[test]
fn a_ratio_of_nothing_has_no_sample() {
    let collector = Collector::new();
    let calls = Arc::new(Count::new());
    let whole = calls.clone();
    collector
        .metrics
        .ratio("hit_rate", "Hits of look-ups.", move |tell| {
            tell(&[], 0, whole.get());
        });
    assert_eq!(collector.series("hit_rate"), series([]));
    calls.inc();
    assert_eq!(collector.series("hit_rate"), series([("", 0.0)]));
}

#[test]
fn a_part_that_is_ahead_of_its_whole_is_all_of_it() {
    let collector = Collector::new();
    let tell_two_of_one = |tell: &mut dyn FnMut(&[KeyValue], u64, u64)| tell(&[], 2, 1);
    collector
        .metrics
        .ratio("hit_rate", "Hits.", tell_two_of_one);
    assert_eq!(collector.series("hit_rate"), series([("", 1.0)]));
}

#[test]
fn a_mean_is_of_sums_may_be_more_than_one_and_is_none_of_nothing() {
    let collector = Collector::new();
    let mean = |name, told: [(u64, u64); 2]| {
        for (sum, of) in told {
            collector
                .metrics
                .mean(name, "A mean.", move |tell| tell(&[], sum, of));
        }
    };
    mean("limit_seconds", [(9_000, 1_000), (1_000, 3_000)]);
    assert_eq!(collector.series("limit_seconds"), series([("", 2.5)]));
    mean("nothing_seconds", [(5, 0), (0, 0)]);
    assert_eq!(collector.series("nothing_seconds"), series([]));
}

#[test]
fn levels_go_up_and_down() {
    let collector = Collector::new();
    let (one, two) = (Arc::new(Level::new()), Arc::new(Level::new()));
    for level in [one.clone(), two.clone()] {
        collector
            .metrics
            .up_down("in_flight", "Calls in flight.", move |tell| {
                tell(&[], level.get());
            });
    }
    one.add(3);
    two.inc();
    assert_eq!(collector.series("in_flight"), series([("", 4.0)]));
    one.dec();
    two.dec();
    assert_eq!(collector.series("in_flight"), series([("", 2.0)]));
    two.set(-2);
    assert_eq!(collector.series("in_flight"), series([("", 0.0)]));
}

#[test]
fn layers_share_a_histogram_and_its_first_bounds() {
    let collector = Collector::new();
    let make = |description, bounds: &[f64]| {
        let metrics = &collector.metrics;
        metrics.histogram("execution", "s", description, bounds)
    };
    let one = make("Seconds.", EXECUTION_SECONDS).bind(&[KeyValue::new("route", "cheap")]);
    let two = make("Other words.", &[1.0]).bind(&[KeyValue::new("route", "cheap")]);
    let silent = make("Seconds.", &[2.0]).bind(&[KeyValue::new("route", "premium")]);
    one.record(0.2);
    two.record(0.2);
    two.record(f64::NAN);
    make("", &[]).record(3.0, &[KeyValue::new("route", "cheap")]);
    assert!(silent.is_enabled());
    let expected = series([("route=cheap", 3.0), ("route=premium", 0.0)]);
    assert_eq!(collector.series("execution"), expected);
    assert_eq!(collector.names(), 1);
}

#[test]
fn models_beyond_the_cap_are_one_series() {
    let collector = Collector::new();
    let models = Arc::new(Capped::<Count>::new(2));
    let ledger = models.clone();
    collector
        .metrics
        .counter("calls_total", "Calls.", move |tell| {
            ledger.for_each(|model, count| {
                tell(&[KeyValue::new("model", model.clone())], count.get());
            });
        });
    for model in ["a", "b", "c", "d", "a"] {
        models.entry(model, |_| Count::new()).inc();
    }
    let expected = series([("model=a", 2.0), ("model=b", 1.0), ("model=other", 2.0)]);
    assert_eq!(collector.series("calls_total"), expected);
}

#[test]
fn disabled_metrics_make_nothing_and_ledgers_count_on() {
    let metrics = Metrics::disabled();
    assert!(!metrics.is_enabled());
    let count = show_count(&metrics, &[]);
    metrics.usd("cost_usd", "Paid.", |_| unreachable!("never collected"));
    metrics.ratio("hit_rate", "Hits.", |_| unreachable!("never collected"));
    metrics.up_down("in_flight", "Calls.", |_| unreachable!("never collected"));
    let histogram = metrics.histogram("execution", "s", "Seconds.", EXECUTION_SECONDS);
    histogram.record(1.0, &[]);
    let bound = histogram.bind(&[]);
    assert!(!bound.is_enabled());
    bound.record(1.0);
    count.inc();
    assert_eq!(count.get(), 1);
}

#[test]
fn a_source_that_panics_leaves_a_gap_and_harms_no_other() {
    let collector = Collector::new();
    let broken = Arc::new(AtomicBool::new(true));
    show_count(&collector.metrics, &[]).inc();
    let panics = broken.clone();
    collector
        .metrics
        .counter("calls_total", "Calls.", move |tell| {
            assert!(!panics.load(Ordering::Relaxed), "a broken source");
            tell(&[], 1);
        });
    collector
        .metrics
        .counter("others_total", "Others.", |tell| tell(&[], 7));
    assert_eq!(collector.series("calls_total"), series([]));
    assert_eq!(collector.series("others_total"), series([("", 7.0)]));
    broken.store(false, Ordering::Relaxed);
    assert_eq!(collector.series("calls_total"), series([("", 2.0)]));
}

#[test]
fn instruments_can_be_made_while_metrics_are_collected() {
    let collector = Arc::new(Collector::new());
    let stop = Arc::new(AtomicBool::new(false));
    let scraper = std::thread::spawn({
        let (collector, stop) = (collector.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                collector.series("calls_total");
            }
        }
    });
    const NAMES: [&str; 4] = ["a_total", "b_total", "c_total", "calls_total"];
    for round in 0..200 {
        collector
            .metrics
            .counter(NAMES[round % 4], "Counts.", |tell| tell(&[], 1));
    }
    stop.store(true, Ordering::Relaxed);
    scraper.join().expect("no deadlock, no panic");
    for name in NAMES {
        assert_eq!(collector.series(name), series([("", 50.0)]));
    }
}

#[test]
fn metrics_are_send_and_sync() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<Metrics>();
    check::<obs_metrics::Histogram>();
    check::<obs_metrics::BoundHistogram>();
}
