//! What all spans of one layer have in common.

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    global::BoxedTracer,
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};

use crate::{Capture, Conventions, keep::Tail};

/// Reads the wall clock.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What all spans of one layer have in common.
pub(crate) struct Spanning {
    pub(crate) tracer: Arc<BoxedTracer>,
    /// Keeps what the sampler does not.
    pub(crate) tail: Option<Arc<Tail>>,
    pub(crate) conventions: Conventions,
    pub(crate) capture: Option<Capture>,
    pub(crate) provider: Value,
    /// By route, where a route has a provider of its own.
    pub(crate) providers: HashMap<Arc<str>, Value>,
    /// Where providers listen, by their names.
    pub(crate) servers: HashMap<Arc<str>, [KeyValue; 2]>,
    /// `None`: the clock of the system.
    pub(crate) clock: Option<Clock>,
    /// Attributes are there when a sampler looks: it may be one that looks at them.
    pub(crate) eager: bool,
}

impl fmt::Debug for Spanning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spanning")
            .field("provider", &self.provider)
            .field("conventions", &self.conventions)
            .field("tail", &self.tail)
            .field("capture", &self.capture)
            .finish_non_exhaustive()
    }
}

impl Spanning {
    /// What the clock on the wall says.
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock that stands where no other is injected"
    )]
    pub(crate) fn now(&self) -> SystemTime {
        match &self.clock {
            Some(clock) => clock(),
            None => SystemTime::now(),
        }
    }

    /// Whose model a route asks.
    pub(crate) fn provider(&self, route: Option<&Arc<str>>) -> &Value {
        let own = route.and_then(|route| self.providers.get(route));
        own.unwrap_or(&self.provider)
    }

    /// Where the provider of a route listens, if that is known.
    pub(crate) fn server(&self, route: Option<&Arc<str>>) -> impl Iterator<Item = KeyValue> {
        let provider = self.provider(route).as_str();
        let server = self.servers.get(&*provider);
        server.into_iter().flatten().cloned()
    }
}

/// A span as other processes, and other spans, know it: in the form of the W3C header `traceparent`.
pub(crate) fn to_traceparent(span: &SpanContext) -> Arc<str> {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    format!("00-{trace}-{id}-{flags:02x}").into()
}

/// The other way round.
pub(crate) fn from_traceparent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags);
    let span = SpanContext::new(trace, span, flags, false, TraceState::default());
    span.is_valid().then_some(span)
}

/// One for the whole workspace: labels do not tell scopes apart.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(obs_metrics::SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_known_again() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let span = from_traceparent(text).expect("is one");
        assert!(span.is_sampled());
        assert_eq!(&*to_traceparent(&span), text);
        for wrong in [
            "",
            "00",
            "00-0-0-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ] {
            assert!(from_traceparent(wrong).is_none(), "{wrong}");
        }
    }
}
