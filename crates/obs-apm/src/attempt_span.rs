//! A span of each attempt.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::SystemTime,
};

use obs_core::{
    BoxError, Call, End, Error, Journal, LlmChunk, LlmRequest, LlmResponse, Observe, Observed,
    Purpose,
};
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer},
};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    ApmLayer,
    asked::{self, Asked},
    future::Attached,
    names,
    spans::{Spanning, from_traceparent},
    told::{self, Answered},
};

/// Makes a span of each attempt, as a child of that of its call, and makes it current while the service inside is polled: what
/// is sent to the provider then names it as the parent. Put it directly around [`AttemptLayer`](obs_core::AttemptLayer).
///
/// Where the call is not sampled there is no such span, and it costs next to nothing. Work in the background (a refresh, a
/// shadow call) has a trace of its own, linked to the call that set it off.
#[derive(Clone, Debug)]
pub struct AttemptSpanLayer {
    apm: ApmLayer,
}

/// The service that [`AttemptSpanLayer`] makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct AttemptSpans<S> {
    inner: S,
    spans: Option<Arc<Spanning>>,
}

pin_project! {
    /// The future of [`AttemptSpans`].
    #[must_use = "futures do nothing unless polled"]
    pub struct AttemptFuture<F, Res>
    where
        Res: LlmResponse,
    {
        #[pin]
        state: State<F, Res>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, Res>
    where
        Res: LlmResponse,
    {
        Unseen { #[pin] inner: F },
        Seen { #[pin] inner: Observed<Attached<F>, AttemptSpan, Res> },
    }
}

/// The span of one attempt, ended with its last token.
#[derive(Debug)]
struct AttemptSpan {
    context: Context,
    spans: Arc<Spanning>,
    journal: Journal,
    /// Its place in the journal.
    index: usize,
    wall: SystemTime,
    start: Instant,
    answered: Answered,
}

impl AttemptSpanLayer {
    pub(crate) const fn new(apm: ApmLayer) -> Self {
        Self { apm }
    }
}

impl<S> Layer<S> for AttemptSpanLayer {
    type Service = AttemptSpans<S>;

    fn layer(&self, inner: S) -> AttemptSpans<S> {
        AttemptSpans {
            inner,
            spans: self.apm.shared().spans.clone(),
        }
    }
}

impl<S> AttemptSpans<S> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<Call<R>> for AttemptSpans<S>
where
    R: LlmRequest,
    S: Service<Call<R>>,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = AttemptFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let spans = self.spans.as_ref();
        let state = match spans.and_then(|spans| AttemptSpan::start(spans, &call)) {
            None => State::Unseen {
                inner: self.inner.call(call),
            },
            Some(span) => {
                let context = Some(span.context.clone());
                let inner = {
                    let _current = span.context.clone().attach();
                    self.inner.call(call)
                };
                let inner = Attached { inner, context };
                State::Seen {
                    inner: Observed::new(inner, span),
                }
            }
        };
        AttemptFuture { state }
    }
}

impl<F, Res, E> Future for AttemptFuture<F, Res>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    Res: LlmResponse + 'static,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Unseen { inner } => inner.poll(cx).map_err(Error::from_any),
            StateProj::Seen { inner } => inner.poll(cx),
        }
    }
}

impl<F, Res: LlmResponse> fmt::Debug for AttemptFuture<F, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = matches!(self.state, State::Seen { .. });
        f.debug_struct("AttemptFuture")
            .field("seen", &seen)
            .finish_non_exhaustive()
    }
}

impl AttemptSpan {
    /// `None`: nobody will see it.
    fn start<R: LlmRequest>(spans: &Arc<Spanning>, call: &Call<R>) -> Option<Self> {
        let here = Context::current();
        let background = matches!(call.context.purpose, Purpose::Refresh | Purpose::Shadow);
        let parent = if background { Context::new() } else { here };
        {
            let span = parent.span();
            let span = span.span_context();
            if span.is_valid() && !span.is_sampled() {
                return None;
            }
        }
        let start = || {
            let (index, origin) = call
                .context
                .journal
                .with(|report| (report.attempts.len(), report.origin.clone()));
            let origin = origin.filter(|_| background);
            let origin = origin.as_deref().and_then(from_traceparent);
            let provider = spans.provider(call.context.route.as_ref());
            let asked = Asked::of(call, call.request.model().into(), provider);
            let wall = spans.now();
            let span = spans.tracer.build_with_context(
                SpanBuilder {
                    span_kind: Some(SpanKind::Client),
                    start_time: Some(wall),
                    attributes: Some(asked.first()),
                    links: origin.map(|span| vec![Link::new(span, Vec::new(), 0)]),
                    ..SpanBuilder::from_name(asked.name())
                },
                &parent,
            );
            let context = parent.with_span(span);
            {
                let span = context.span();
                if !span.is_recording() {
                    return None;
                }
                span.set_attributes(asked.rest());
                span.set_attributes(spans.server(call.context.route.as_ref()));
                span.set_attributes(asked::parameters(&call.request));
                let purpose = call.context.purpose.as_str();
                span.set_attribute(KeyValue::new(names::PURPOSE, purpose));
                if let Some(route) = &call.context.route {
                    span.set_attribute(KeyValue::new(names::ROUTE, route.clone()));
                }
            }
            Some(Self {
                context,
                spans: spans.clone(),
                journal: call.context.journal.clone(),
                index,
                wall,
                start: Instant::now(),
                answered: Answered::default(),
            })
        };
        catch_unwind(AssertUnwindSafe(start)).ok().flatten()
    }

    fn finish(&self) {
        // Without `AttemptLayer` inside there is none.
        let attempt = self
            .journal
            .with(|report| report.attempts.get(self.index).cloned());
        let ended = attempt.as_ref().and_then(|attempt| attempt.ended);
        let at = ended.unwrap_or_else(Instant::now);
        let span = self.context.span();
        if let Some(attempt) = attempt {
            let conventions = self.spans.conventions;
            span.set_attributes(told::of_attempt(&attempt, &self.answered, conventions));
            if told::has_failed(attempt.outcome) {
                span.set_status(Status::error(""));
            }
        }
        span.end_with_timestamp(self.wall + at.saturating_duration_since(self.start));
    }
}

impl<Res: LlmResponse> Observe<Res> for AttemptSpan {
    fn answer(&mut self, answer: &Res) {
        self.answered.id = answer.id().map(str::to_owned);
        self.answered.finish = answer.finish();
    }

    fn chunk(&mut self, chunk: &Res::Chunk, _first_content: bool) {
        if self.answered.id.is_none() {
            self.answered.id = chunk.id().map(str::to_owned);
        }
        self.answered.finish = chunk.finish().or(self.answered.finish);
    }

    fn end(&mut self, _how: End<'_>) {
        // It has been said by the panic itself, and there is nothing else to be done.
        let _ = catch_unwind(AssertUnwindSafe(|| self.finish()));
    }
}
