//! Setting telemetry up, in good conditions and in bad ones.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use obs_apm::{Config, Environment, Part, Status, Telemetry};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{InMemoryMetricExporter, PeriodicReader},
    trace::{InMemorySpanExporter, Span, SpanData, SpanProcessor},
};
use tokio::time::Instant;

/// Any free port, and no environment.
fn config() -> Config {
    Config::new()
        .variables(|_| None)
        .listen(([127, 0, 0, 1], 0).into())
        .no_console()
}

fn get(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn count(telemetry: &Telemetry, n: u64) {
    let metrics = telemetry.metrics();
    metrics.counter("things_total", "Things.", move |tell| tell(&[], n));
}

#[test]
fn metrics_are_scraped_over_http() {
    let telemetry = Telemetry::build(config().service_version("1.2.3"));
    assert_eq!(telemetry.status(), Status::Active);
    count(&telemetry, 7);
    let address = telemetry.address().expect("it listens");
    let answer = get(address, "GET /metrics");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("\nthings_total 7\n"), "{body}");
    assert_eq!(body, telemetry.render());
    let build = format!(
        "obs_build_info{{environment=\"development\",service_version=\"1.2.3\",version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert!(body.contains(&build), "{body}");
}

#[test]
fn other_paths_and_methods_are_told_where_the_metrics_are() {
    let telemetry = Telemetry::build(config());
    let address = telemetry.address().expect("it listens");
    let answer = get(address, "GET /");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("/metrics"), "{answer}");
    let answer = get(address, "POST /metrics");
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.contains("allow: GET, HEAD"), "{answer}");
    let answer = get(address, "HEAD /metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_page_of_the_application_is_at_the_same_port() {
    let telemetry = Telemetry::build(config());
    let address = telemetry.address().expect("it listens");
    for (path, text) in [("/", "one"), ("/", "two"), ("/metrics", "not these")] {
        telemetry.page(path, "text/html", move || text.into());
    }
    let answer = get(address, "GET /?a=b");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/html\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\ntwo"), "{answer}");
    assert!(get(address, "GET /metrics").contains("\nobs_build_info{"));
    assert!(get(address, "GET /other").starts_with("HTTP/1.1 404"));
}

#[test]
fn garbage_on_the_port_does_no_harm() {
    let telemetry = Telemetry::build(config());
    let address = telemetry.address().expect("it listens");
    // Some that say nothing, and one that talks nonsense.
    let silent: Vec<_> = (0..10).map(|_| TcpStream::connect(address)).collect();
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(&[0xff; 4096]).expect("it reads");
    drop(stream);
    let answer = get(address, "GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_scrape_is_answered_while_the_runtime_is_blocked() {
    let telemetry = Telemetry::build(config());
    let address = telemetry.address().expect("it listens");
    // It blocks the only thread of this runtime.
    let answer = get(address, "GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_port_that_is_taken_is_named_with_a_remedy_and_counting_goes_on() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it is bound");
    let telemetry = Telemetry::build(config().listen(address));
    let Status::Degraded(problems) = telemetry.status() else {
        panic!("degraded, and not {:?}", telemetry.status());
    };
    let [problem] = problems.as_slice() else {
        panic!("one problem, and not {problems:?}");
    };
    assert_eq!(problem.part(), Part::Listener);
    assert!(problem.cause().contains(&address.to_string()), "{problem}");
    assert!(
        problem.remedy().contains("OTEL_EXPORTER_PROMETHEUS_PORT"),
        "{problem}"
    );
    assert_eq!(telemetry.address(), None);
    count(&telemetry, 3);
    assert!(telemetry.render().contains("\nthings_total 3\n"));
}

#[test]
fn bad_variables_degrade_and_the_rest_goes_on() {
    let lookup = |name: &str| (name == "OTEL_TRACES_SAMPLER").then(|| "dice".to_owned());
    let telemetry = Telemetry::build(config().variables(lookup));
    let Status::Degraded(problems) = telemetry.status() else {
        panic!("degraded, and not {:?}", telemetry.status());
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].part(), Part::Settings);
    let address = telemetry.address().expect("it listens");
    assert!(get(address, "GET /metrics").starts_with("HTTP/1.1 200"));
}

#[test]
fn switched_off_it_does_nothing() {
    let off = |name: &str| (name == "ENABLE_APM").then(|| "false".to_owned());
    for config in [config().disabled(), config().variables(off)] {
        let telemetry = Telemetry::build(config.console(io::sink()));
        assert_eq!(telemetry.status(), Status::Disabled);
        assert!(!telemetry.metrics().is_enabled());
        assert_eq!(telemetry.address(), None);
        assert!(telemetry.meter_provider().is_none());
        assert!(telemetry.tracer_provider().is_none());
        assert_eq!(telemetry.render(), "");
        assert_eq!(telemetry.shutdown(), Ok(()));
    }
}

/// Ten names with a thousand label sets each; the bench `calls` has the time of a release build.
#[test]
fn ten_thousand_series_are_scraped_quickly() {
    const NAMES: [&str; 10] = [
        "a_total", "b_total", "c_total", "d_total", "e_total", "f_total", "g_total", "h_total",
        "i_total", "j_total",
    ];
    let telemetry = Telemetry::build(config());
    for name in NAMES {
        telemetry.metrics().counter(name, "Things.", |tell| {
            for n in 0..1_000 {
                let labels = [
                    KeyValue::new("model", format!("model-{}", n / 10)),
                    KeyValue::new("route", format!("route-{}", n % 10)),
                ];
                tell(&labels, n);
            }
        });
    }
    let address = telemetry.address().expect("it listens");
    let start = Instant::now();
    let answer = get(address, "GET /metrics");
    let took = start.elapsed();
    let series = answer.lines().filter(|line| line.contains("_total{model"));
    assert_eq!(series.count(), 10_000);
    // It belongs under 0.1 s, optimized and alone on the machine.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn two_in_one_process_are_apart() {
    let (one, two) = (Telemetry::build(config()), Telemetry::build(config()));
    count(&one, 1);
    count(&two, 2);
    assert!(one.render().contains("\nthings_total 1\n"));
    assert!(two.render().contains("\nthings_total 2\n"));
    assert_ne!(one.address(), two.address());
}

#[test]
fn shutting_down_flushes_closes_the_port_and_is_done_once() {
    let (spans, metrics) = (
        InMemorySpanExporter::default(),
        InMemoryMetricExporter::default(),
    );
    let reader = PeriodicReader::builder(metrics.clone()).build();
    let config = config()
        .environment(Environment::Staging)
        .span_exporter(spans.clone())
        .metric_reader(reader);
    let telemetry = Telemetry::build(config);
    let address = telemetry.address().expect("it listens");
    count(&telemetry, 1);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.tracer("test").start("work").end();
    assert_eq!(telemetry.shutdown(), Ok(()));
    assert!(spans.is_shutdown_called());
    assert!(
        !metrics
            .get_finished_metrics()
            .expect("not poisoned")
            .is_empty()
    );
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(telemetry.shutdown(), Ok(()));
    assert_eq!(telemetry.clone().shutdown(), Ok(()));
    assert_eq!(telemetry.render(), "");
}

/// Its end does not come before somebody says so.
#[derive(Debug)]
struct Hanging(Mutex<mpsc::Receiver<()>>);

impl SpanProcessor for Hanging {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, _span: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        let _ = self.0.lock().expect("not poisoned").recv();
        Ok(())
    }
}

#[test]
fn an_exporter_that_hangs_holds_the_end_up_for_the_limit_and_no_longer() {
    let (end, hanging) = mpsc::channel();
    let config = config().span_processor(Hanging(Mutex::new(hanging)));
    let telemetry = Telemetry::build(config);
    let start = Instant::now();
    let problem = telemetry.shutdown_within(Duration::from_millis(50));
    let problem = problem.expect_err("it hangs");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(problem.part(), Part::Export);
    assert!(problem.cause().contains("50ms"), "{problem}");
    assert_eq!(telemetry.status(), Status::Degraded(vec![problem]));
    assert_eq!(telemetry.shutdown(), Ok(()));
    drop(end);
}

#[derive(Clone, Debug, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_console_tells_one_line_for_each_call_and_none_for_other_spans() {
    let page = Page::default();
    let telemetry = Telemetry::build(config().console(page.clone()));
    let traces = telemetry.tracer_provider().expect("there is a console");
    let tracer = traces.tracer("test");
    tracer.start("something else").end();
    let start = std::time::SystemTime::UNIX_EPOCH;
    let mut span = tracer
        .build(opentelemetry::trace::SpanBuilder::from_name("chat a\nb").with_start_time(start));
    span.set_attributes([
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("obs.outcome", "success"),
        KeyValue::new("obs.cache.status", "miss"),
        KeyValue::new("obs.route", "cheap"),
        KeyValue::new("gen_ai.usage.input_tokens", 12),
        KeyValue::new("gen_ai.usage.output_tokens", 34),
        KeyValue::new("obs.cost.usd", 0.001_234_5),
    ]);
    span.end_with_timestamp(start + Duration::from_millis(812));
    let told = page.0.lock().expect("not poisoned").clone();
    assert_eq!(
        String::from_utf8(told).expect("is text"),
        "chat a\\nb  812 ms  success  cache miss  route cheap  12 + 34 tokens  $0.001234\n"
    );
}

#[test]
fn the_console_is_for_development() {
    for (environment, spans) in [
        (Environment::Development, true),
        (Environment::Staging, false),
        (Environment::Production, false),
    ] {
        let config = Config::new().variables(|_| None).no_listener();
        let telemetry = Telemetry::build(config.environment(environment));
        assert_eq!(
            telemetry.tracer_provider().is_some(),
            spans,
            "{environment}"
        );
    }
}

#[test]
fn telemetry_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Telemetry>();
    check::<obs_apm::Guard>();
    fn check_send<T: Send>() {}
    check_send::<Config>();
}
