//! What travels from one agent to the next, beside the request.

mod b3;
mod carrier;
mod formats;
mod incoming;

use std::{fmt, sync::Arc};

use http::HeaderMap;
use obs_core::{CallContext, Deadline, Error};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{Extractor, Injector, TextMapPropagator},
};

use self::carrier::Headers;
pub(crate) use self::formats::Formats;
pub use self::incoming::Incoming;

/// The name under which the tenant travels.
const TENANT: &str = "x-obs-tenant";

/// The name under which the conversation travels.
const SESSION: &str = "x-obs-session";

/// Writes what goes along with a call to another agent, and reads it there: trace context and baggage, the time that is left,
/// the tenant and the session.
///
/// Trace context is written as W3C `traceparent` and `tracestate`, and read as B3 too; `OTEL_PROPAGATORS` says otherwise. It
/// works on HTTP headers, on gRPC metadata (tonic's `MetadataMap` gives its headers by `as_ref` and `as_mut`), and on any map
/// of texts, such as the attributes of a message in a queue.
///
/// **Trust.** Whoever sends a request writes what it likes: read tenants and baggage of agents only, not of the public.
///
/// ```
/// use http::HeaderMap;
/// use obs_apm::Propagator;
/// use obs_core::{Call, CallContext};
///
/// # fn main() -> Result<(), obs_core::Error> {
/// let propagator = Propagator::default(); // or `obs_apm::propagator()`, which obeys the environment
/// let context = Call::new("a question").tenant("acme").context;
/// let mut headers = HeaderMap::new();
/// propagator.inject_headers(&context, &mut headers)?;
///
/// // On the other side:
/// let incoming = propagator.extract_headers(&headers);
/// let call = incoming.call("another question");
/// assert_eq!(call.context.tenant.as_deref(), Some("acme"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Propagator {
    formats: Formats,
    text: Arc<dyn TextMapPropagator + Send + Sync>,
}

impl Default for Propagator {
    fn default() -> Self {
        Self::new(Formats::default())
    }
}

impl Propagator {
    pub(crate) fn new(formats: Formats) -> Self {
        Self {
            formats,
            text: Arc::new(formats.propagator()),
        }
    }

    pub(crate) const fn formats(&self) -> Formats {
        self.formats
    }

    /// Writes what goes along: the trace context and baggage that are current, and deadline, tenant and session of this call.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](obs_core::Elapsed), if no time is left: nothing should be sent then. The rest has been written.
    pub fn inject(&self, call: &CallContext, to: &mut dyn Injector) -> Result<(), Error> {
        self.text.inject_context(&Context::current(), to);
        if let Some(tenant) = &call.tenant {
            to.set(TENANT, tenant.to_string());
        }
        if let Some(session) = &call.session {
            to.set(SESSION, session.to_string());
        }
        call.deadline.inject(|name, value| to.set(name, value))
    }

    /// As [`inject`](Self::inject), into HTTP headers.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn inject_headers(&self, call: &CallContext, to: &mut HeaderMap) -> Result<(), Error> {
        self.inject(call, &mut Headers(to))
    }

    /// Writes the trace context alone, without baggage: for a provider, which is not to know on whose behalf it is asked.
    pub fn inject_trace(&self, context: &Context, to: &mut dyn Injector) {
        self.text
            .inject_context(&context.with_cleared_baggage(), to);
    }

    /// As [`inject_trace`](Self::inject_trace) of what is current, into HTTP headers.
    pub fn inject_trace_headers(&self, to: &mut HeaderMap) {
        self.inject_trace(&Context::current(), &mut Headers(to));
    }

    /// Reads what came along. What cannot be read is left out: a request is not refused for it.
    #[must_use]
    pub fn extract(&self, from: &dyn Extractor) -> Incoming {
        let text = |name| {
            from.get(name)
                .filter(|text| !text.is_empty())
                .map(Arc::from)
        };
        let deadline = Deadline::extract(|name| from.get(name)).unwrap_or_else(|error| {
            tracing::debug!(%error, "a deadline was left out");
            Deadline::default()
        });
        // Not in what is current here: a request has nothing to do with whoever was polled before.
        let context = self.text.extract_with_context(&Context::new(), from);
        Incoming::new(context, deadline, text(TENANT), text(SESSION))
    }

    /// As [`extract`](Self::extract), from HTTP headers.
    #[must_use]
    pub fn extract_headers(&self, from: &HeaderMap) -> Incoming {
        self.extract(&opentelemetry_http::HeaderExtractor(from))
    }
}

impl fmt::Debug for Propagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Propagator").field(&self.formats).finish()
    }
}
