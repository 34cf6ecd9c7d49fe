//! One line for each call, for people who have just begun.

use std::{
    fmt,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::{Context, Value};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};

use crate::names;

/// Writes one line for each call that has ended, and none for any other span.
pub(crate) struct Console(Mutex<Box<dyn Write + Send>>);

impl Console {
    pub(crate) fn new(to: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(to)))
    }
}

impl SpanProcessor for Console {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        if let Some(line) = line(&span) {
            let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // A console that is closed is nobody's loss.
            let _ = writeln!(to, "{line}");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = to.flush();
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.force_flush()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

/// Such as `chat auto  812 ms  success  cache miss  route cheap  12 + 34 tokens  $0.000123`.
fn line(span: &SpanData) -> Option<String> {
    let get = |key: &str| {
        let mut attributes = span.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| &attribute.value)
    };
    get(names::OPERATION_NAME)?;
    let took = span.end_time.duration_since(span.start_time);
    let mut line = format!(
        "{}  {} ms",
        // The model is named by the caller, who may put anything in it.
        span.name.escape_debug(),
        took.unwrap_or_default().as_millis()
    );
    for (word, key) in [
        ("", names::OUTCOME),
        ("", names::ERROR_TYPE),
        ("cache ", names::CACHE_STATUS),
        ("route ", names::ROUTE),
    ] {
        if let Some(value) = get(key) {
            line.push_str(&format!("  {word}{value}"));
        }
    }
    let tokens = (get(names::INPUT_TOKENS), get(names::OUTPUT_TOKENS));
    if let (Some(input), Some(output)) = tokens {
        line.push_str(&format!("  {input} + {output} tokens"));
    }
    if let Some(Value::F64(cost)) = get(names::COST) {
        line.push_str(&format!("  ${cost:.6}"));
    }
    Some(line)
}
