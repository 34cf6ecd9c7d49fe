//! The variables of the specification, each as it is obeyed.

use std::{collections::HashMap, time::Duration};

use obs_apm::{Conventions, Part, Status, Telemetry};
use opentelemetry::{
    Context,
    trace::{
        Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
        TracerProvider,
    },
};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};
use tokio::time::Instant;

use crate::{config, pushes, receiver::Receiver, spans, telemetry, work};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

fn problems(telemetry: &Telemetry) -> Vec<String> {
    match telemetry.status() {
        Status::Degraded(problems) => problems.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_general_endpoint_takes_both_signals_below_it() {
    for path in ["", "/", "/otlp/"] {
        let receiver = Receiver::start();
        let url = format!("{}{path}", receiver.url());
        let telemetry = telemetry(&[(ENDPOINT, &url)]);
        assert_eq!(telemetry.status(), Status::Active);
        work(&telemetry, 3);
        telemetry.shutdown().expect("flushes");
        let base = path.trim_end_matches('/');
        let traces = receiver.wait(&format!("{base}/v1/traces"));
        assert_eq!(
            traces.header("content-type"),
            Some("application/x-protobuf")
        );
        assert_eq!(traces.spans().len(), 3);
        let metrics = receiver.wait(&format!("{base}/v1/metrics")).metrics();
        let mut names = metrics.iter().map(|metric| metric.name.as_str());
        assert!(names.any(|name| name == "obs_build_info"), "{metrics:?}");
    }
}

#[test]
fn the_endpoint_of_a_signal_is_used_as_it_is_and_stands_over_the_general_one() {
    let (general, own) = (Receiver::start(), Receiver::start());
    let traces = format!("{}/mine", own.url());
    let telemetry = telemetry(&[(ENDPOINT, &general.url()), (TRACES_ENDPOINT, &traces)]);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    assert_eq!(own.wait("/mine").spans().len(), 1);
    let paths: Vec<_> = general.seen().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["/v1/metrics"]);
}

#[test]
fn one_signal_may_have_an_endpoint_and_the_other_none() {
    let receiver = Receiver::start();
    let metrics = format!("{}/m", receiver.url());
    let telemetry = telemetry(&[(METRICS_ENDPOINT, &metrics)]);
    assert!(telemetry.tracer_provider().is_none());
    telemetry.shutdown().expect("flushes");
    assert!(!receiver.wait("/m").metrics().is_empty());
}

#[test]
fn the_application_says_the_endpoint_over_the_variables() {
    let (theirs, ours) = (Receiver::start(), Receiver::start());
    let config = config(&[(ENDPOINT, &theirs.url())]).otlp(ours.url());
    let telemetry = Telemetry::build(config);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    assert_eq!(ours.wait("/v1/traces").spans().len(), 1);
    assert!(theirs.seen().is_empty());
}

#[test]
fn exporters_may_be_switched_off() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
    ]);
    assert!(telemetry.tracer_provider().is_none());
    telemetry.shutdown().expect("flushes");
    assert!(receiver.seen().is_empty());
}

#[test]
fn headers_are_decoded_and_those_of_a_signal_replace_the_general_ones() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Basic%20c2VjcmV0, x-team = search ",
        ),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-team=metrics"),
    ]);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    let traces = receiver.wait("/v1/traces");
    assert_eq!(traces.header("authorization"), Some("Basic c2VjcmV0"));
    assert_eq!(traces.header("x-team"), Some("search"));
    let metrics = receiver.wait("/v1/metrics");
    assert_eq!(metrics.header("authorization"), None);
    assert_eq!(metrics.header("x-team"), Some("metrics"));
}

#[test]
fn headers_that_make_no_sense_are_named_and_not_shown() {
    let list = "authorization: hunter2";
    let telemetry = telemetry(&[
        (ENDPOINT, "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", list),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
    ]);
    let problems = problems(&telemetry);
    // Once, though both signals would have them.
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("OTEL_EXPORTER_OTLP_HEADERS"));
    assert!(!problems.join("").contains("hunter2"), "{problems:?}");
}

#[test]
fn a_timeout_is_kept() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "60"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "60"),
    ] {
        let receiver = Receiver::start();
        receiver.hold();
        let telemetry = telemetry(&[
            (ENDPOINT, &receiver.url()),
            ("OTEL_METRICS_EXPORTER", "none"),
            (name, value),
        ]);
        work(&telemetry, 2);
        let start = Instant::now();
        let traces = telemetry.tracer_provider().expect("there is an exporter");
        traces.force_flush().expect_err("nobody answers");
        // The default is ten seconds.
        assert!(start.elapsed() < Duration::from_secs(4), "{name}");
        assert_eq!(spans(&telemetry, "failed"), 2, "{name}");
        assert_eq!(pushes(&telemetry, "traces", "failed"), 1, "{name}");
    }
}

#[test]
fn the_protocol_is_http_with_protobuf_or_nothing_is_exported() {
    let receiver = Receiver::start();
    let url = receiver.url();
    let with = |protocol| {
        telemetry(&[
            (ENDPOINT, &url),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "none"),
        ])
    };
    let telemetry = with("http/json");
    assert!(telemetry.tracer_provider().is_none());
    let problems = problems(&telemetry);
    assert!(problems[0].contains("http/json"), "{problems:?}");
    assert!(problems[0].contains("http/protobuf"), "{problems:?}");
    let telemetry = with("http/protobuf");
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    assert_eq!(receiver.spans().len(), 1);
}

#[test]
fn the_protocol_of_a_signal_stands_over_the_general_one() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
    ]);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    let paths: Vec<_> = receiver.seen().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["/v1/traces"]);
}

#[test]
fn an_endpoint_that_is_no_url_is_said_without_its_passwords() {
    let telemetry = telemetry(&[(ENDPOINT, "ftp://user:hunter2@host?key=hunter2")]);
    let problems = problems(&telemetry);
    assert!(problems[0].contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
    assert!(problems[0].contains("ftp://host"), "{problems:?}");
    assert!(!problems.join("").contains("hunter2"), "{problems:?}");
}

#[test]
fn what_is_sent_may_be_compressed() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
    ]);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    let traces = receiver.wait("/v1/traces");
    assert_eq!(traces.header("content-encoding"), Some("gzip"));
    assert_eq!(traces.spans().len(), 1);
    let metrics = receiver.wait("/v1/metrics");
    assert_eq!(metrics.header("content-encoding"), None);
}

#[test]
fn spans_are_sent_after_the_delay() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ]);
    work(&telemetry, 1);
    assert_eq!(receiver.wait("/v1/traces").spans().len(), 1);
}

#[test]
fn the_queue_and_the_batches_are_as_large_as_they_are_said_to_be_and_drops_are_counted() {
    let receiver = Receiver::start();
    receiver.hold();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
    ]);
    work(&telemetry, 2);
    // The first batch is on its way, and takes no room.
    receiver.wait("/v1/traces");
    work(&telemetry, 28);
    assert_eq!(spans(&telemetry, "dropped"), 20);
    assert_eq!(crate::value(&telemetry, "obs_export_queue_spans"), 8);
    receiver.free();
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.force_flush().expect("flushes");
    assert_eq!(spans(&telemetry, "exported"), 10);
    assert_eq!(crate::value(&telemetry, "obs_export_queue_spans"), 0);
    let batches = receiver.seen();
    let batches: Vec<_> = batches.iter().map(|batch| batch.spans().len()).collect();
    assert_eq!(batches, [2; 5]);
}

#[test]
fn metrics_are_sent_at_the_interval() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
    ]);
    assert!(!receiver.wait("/v1/metrics").metrics().is_empty());
    drop(telemetry);
}

#[test]
fn metrics_are_given_up_after_their_timeout() {
    let receiver = Receiver::start();
    receiver.hold();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "50"),
    ]);
    let start = Instant::now();
    let meters = telemetry.meter_provider().expect("is on");
    meters.force_flush().expect_err("nobody answers");
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(pushes(&telemetry, "metrics", "failed"), 1);
}

#[test]
fn the_temporality_of_metrics_may_be_chosen() {
    for (preference, expected) in [
        ("cumulative", AggregationTemporality::Cumulative),
        ("delta", AggregationTemporality::Delta),
    ] {
        let receiver = Receiver::start();
        let telemetry = telemetry(&[
            (ENDPOINT, &receiver.url()),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                preference,
            ),
        ]);
        telemetry.shutdown().expect("flushes");
        let metrics = receiver.wait("/v1/metrics").metrics();
        let counter = metrics
            .iter()
            .find(|metric| metric.name == "obs_export_spans_total");
        let Some(Data::Sum(sum)) = counter.and_then(|metric| metric.data.as_ref()) else {
            panic!("a counter in {metrics:?}");
        };
        assert_eq!(sum.aggregation_temporality(), expected);
    }
}

#[test]
fn the_service_and_its_resource_are_named() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_SERVICE_NAME", "answers"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,team=a%2Cb%3Dc,place=K%C3%B6ln",
        ),
    ]);
    work(&telemetry, 1);
    telemetry.shutdown().expect("flushes");
    let traces = receiver.wait("/v1/traces");
    for (key, value) in [
        ("service.name", "answers"),
        ("team", "a,b=c"),
        ("place", "Köln"),
        ("deployment.environment.name", "staging"),
    ] {
        assert_eq!(traces.resource(key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_overlooked_as_a_whole() {
    for list in ["team=search,nonsense", "team=search,place=%ff"] {
        let receiver = Receiver::start();
        let telemetry = telemetry(&[
            (ENDPOINT, &receiver.url()),
            ("OTEL_RESOURCE_ATTRIBUTES", list),
        ]);
        let problems = problems(&telemetry);
        assert!(problems[0].contains("OTEL_RESOURCE_ATTRIBUTES"));
        work(&telemetry, 1);
        telemetry.shutdown().expect("flushes");
        assert_eq!(receiver.wait("/v1/traces").resource("team"), None);
    }
}

#[test]
fn the_sampler_obeys_the_parent_only_where_its_name_says_so() {
    let parent = |sampled: bool| {
        let flags = TraceFlags::default().with_sampled(sampled);
        let (trace, span) = (TraceId::from(7), SpanId::from(7));
        let span = SpanContext::new(trace, span, flags, true, TraceState::default());
        Context::new().with_remote_span_context(span)
    };
    for (sampler, arg, sampled, unsampled, root) in [
        ("always_on", "", true, true, true),
        ("always_off", "", false, false, false),
        ("traceidratio", "0", false, false, false),
        ("traceidratio", "1", true, true, true),
        ("parentbased_always_on", "", true, false, true),
        ("parentbased_always_off", "", true, false, false),
        ("parentbased_traceidratio", "0", true, false, false),
        ("parentbased_traceidratio", "1", true, false, true),
    ] {
        let receiver = Receiver::start();
        let telemetry = telemetry(&[
            (ENDPOINT, &receiver.url()),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", arg),
        ]);
        let traces = telemetry.tracer_provider().expect("there is an exporter");
        let tracer = traces.tracer("test");
        tracer.start_with_context("sampled", &parent(true)).end();
        tracer.start_with_context("unsampled", &parent(false)).end();
        tracer.start_with_context("root", &Context::new()).end();
        telemetry.shutdown().expect("flushes");
        let spans = receiver.spans();
        let kept = |name: &str| spans.iter().any(|span| span.name == name);
        let kept = (kept("sampled"), kept("unsampled"), kept("root"));
        assert_eq!(kept, (sampled, unsampled, root), "{sampler} {arg}");
    }
}

#[test]
fn a_ratio_keeps_about_so_many() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4000"),
    ]);
    work(&telemetry, 4_000);
    telemetry.shutdown().expect("flushes");
    // Five standard deviations of 27.
    let kept = receiver.spans().len();
    assert!((863..=1137).contains(&kept), "{kept} of 4000");
}

#[test]
fn context_travels_in_the_forms_that_are_listed() {
    let (trace, span) = (TraceId::from(7), SpanId::from(7));
    let sampled = TraceFlags::SAMPLED;
    let context = Context::new().with_remote_span_context(SpanContext::new(
        trace,
        span,
        sampled,
        true,
        TraceState::default(),
    ));
    for (list, expected) in [
        ("", &["traceparent", "tracestate"][..]),
        ("tracecontext", &["traceparent", "tracestate"][..]),
        ("b3", &["b3"][..]),
        (
            "b3multi",
            &["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"][..],
        ),
        ("none", &[][..]),
    ] {
        let telemetry = telemetry(&[("OTEL_PROPAGATORS", list)]);
        let propagator = telemetry.propagator();
        let mut headers = HashMap::<String, String>::new();
        propagator.inject_trace(&context, &mut headers);
        let mut names: Vec<_> = headers.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{list}");
        let read = propagator.extract(&headers);
        let read = read.context().span().span_context().trace_id();
        let known = if list == "none" {
            TraceId::INVALID
        } else {
            trace
        };
        assert_eq!(read, known, "{list}");
    }
}

#[test]
fn switched_off_nothing_is_sent_and_context_still_travels() {
    let receiver = Receiver::start();
    let telemetry = telemetry(&[
        (ENDPOINT, &receiver.url()),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "10"),
    ]);
    assert_eq!(telemetry.status(), Status::Disabled);
    assert!(telemetry.tracer_provider().is_none());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = HashMap::from([("traceparent".to_owned(), trace.to_owned())]);
    let incoming = telemetry.propagator().extract(&headers);
    let mut out = HashMap::<String, String>::new();
    let propagator = telemetry.propagator();
    propagator.inject_trace(incoming.context(), &mut out);
    assert_eq!(out.get("traceparent").map(String::as_str), Some(trace));
    telemetry.shutdown().expect("nothing to do");
    assert!(receiver.seen().is_empty());
}

#[test]
fn the_generation_of_the_conventions_is_opted_into() {
    let opt_in = |list| telemetry(&[("OTEL_SEMCONV_STABILITY_OPT_IN", list)]).conventions();
    assert_eq!(opt_in(""), Conventions::V1_41);
    assert_eq!(opt_in("http"), Conventions::V1_41);
    let latest = opt_in("http,gen_ai_latest_experimental");
    assert_eq!(latest, Conventions::Latest);
}

#[test]
fn numbers_that_make_no_sense_are_named_and_the_defaults_hold() {
    let receiver = Receiver::start();
    let names = [
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_TRACES_SAMPLER",
        "OTEL_PROPAGATORS",
    ];
    for value in ["0", "-1", "many"] {
        let url = receiver.url();
        let mut variables = vec![(ENDPOINT, url.as_str())];
        variables.extend(names.iter().map(|name| (*name, value)));
        let telemetry = telemetry(&variables);
        let Status::Degraded(problems) = telemetry.status() else {
            panic!("degraded, and not {:?}", telemetry.status());
        };
        assert!(
            problems
                .iter()
                .all(|problem| problem.part() == Part::Settings)
        );
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        for name in names {
            assert!(
                said.iter().any(|said| said.contains(name)),
                "{name}: {said:?}"
            );
        }
        work(&telemetry, 1);
        telemetry.shutdown().expect("flushes");
    }
    assert_eq!(receiver.spans().len(), 3);
}
