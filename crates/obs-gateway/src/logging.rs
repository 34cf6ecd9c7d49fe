//! Lines of the log. Prompts, answers and credentials are never in them.
use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::settings::{Log, LogFormat};

/// Whether lines are JSON: as set, and where nothing is set, JSON for programs and text for people.
#[must_use]
pub fn is_json(log: &Log) -> bool {
    match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    }
}

/// Sends the log of this process to standard error. Where it has one already, that one stays.
pub fn init(log: &Log) {
    let filter = match log.level.as_str() {
        "off" => "off".into(),
        // What OpenTelemetry says of itself at lower levels is of no use to an operator, unless it is asked for.
        level => format!("opentelemetry=warn,opentelemetry_sdk=warn,{level}"),
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let _ = if is_json(log) {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .finish()
            .try_init()
    } else {
        lines
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .finish()
            .try_init()
    };
}
