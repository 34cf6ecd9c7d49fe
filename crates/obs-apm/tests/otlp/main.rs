//! Export by OTLP, to a receiver on loopback that decodes what it gets.

mod degraded;
mod receiver;
mod variables;

use obs_apm::{Config, Environment, Telemetry};
use opentelemetry::trace::{Span, Tracer, TracerProvider};

/// No port, no console, every trace sampled, and these variables.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: std::collections::HashMap<_, _> = variables.iter().map(owned).collect();
    Config::new()
        .variables(move |name| variables.get(name).cloned())
        .environment(Environment::Staging)
        .no_listener()
        .no_console()
}

pub(crate) fn telemetry(variables: &[(&str, &str)]) -> Telemetry {
    Telemetry::build(config(variables))
}

/// Makes so many spans.
pub(crate) fn work(telemetry: &Telemetry, spans: usize) {
    let traces = telemetry.tracer_provider().expect("somebody sees spans");
    let tracer = traces.tracer("test");
    for _ in 0..spans {
        tracer.start("work").end();
    }
}

/// The value of one series, as Prometheus would read it.
pub(crate) fn value(telemetry: &Telemetry, series: &str) -> u64 {
    let text = telemetry.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("{series} in {text}"));
    value.trim().parse().expect("a number")
}

pub(crate) fn spans(telemetry: &Telemetry, outcome: &str) -> u64 {
    let series = format!("obs_export_spans_total{{outcome=\"{outcome}\"}}");
    value(telemetry, &series)
}

pub(crate) fn pushes(telemetry: &Telemetry, signal: &str, outcome: &str) -> u64 {
    let labels = format!("{{outcome=\"{outcome}\",signal=\"{signal}\"}}");
    value(telemetry, &format!("obs_export_pushes_total{labels}"))
}
