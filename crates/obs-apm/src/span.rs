//! The span of one call.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, SystemTime},
};

use obs_core::{Call, Finish, Journal, LlmRequest, Report, Usage};
use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value,
    global::BoxedTracer,
    trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer},
};
use tokio::time::Instant;

use crate::{calls::Outcome, events, names};

/// Longer names of models, in bytes, are not shown.
const LONGEST: usize = 256;

/// The span of one call. Processors and exporters are others' code: a panic in them costs the span, and never the call.
#[derive(Debug)]
pub(crate) struct CallSpan {
    context: Context,
    recording: Option<Recording>,
}

/// What is gathered for a span that somebody will see.
#[derive(Debug)]
struct Recording {
    /// The wall clock at the start. All other times are told by the monotonic clock from there.
    wall: SystemTime,
    start: Instant,
    model: Option<String>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    first_chunk: Option<Duration>,
}

/// How a call ended, as its span tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<&'static str>,
    pub(crate) at: Instant,
}

impl CallSpan {
    /// Started now, as a child of what is current.
    pub(crate) fn start<R: LlmRequest>(
        tracer: &BoxedTracer,
        wall: SystemTime,
        provider: &Value,
        call: &Call<R>,
    ) -> Option<Self> {
        let start = || {
            let operation = call.request.operation().as_str();
            let model = Some(call.request.model()).filter(|model| model.len() <= LONGEST);
            let mut attributes = Vec::with_capacity(4);
            attributes.push(KeyValue::new(names::OPERATION_NAME, operation));
            attributes.push(KeyValue::new(names::PROVIDER_NAME, provider.clone()));
            if let Some(model) = model {
                attributes.push(KeyValue::new(names::REQUEST_MODEL, model.to_owned()));
            }
            if call.request.streams() {
                attributes.push(KeyValue::new(names::REQUEST_STREAM, true));
            }
            let name = match model {
                Some(model) => format!("{operation} {model}").into(),
                None => operation.into(),
            };
            let parent = Context::current();
            let mut span = tracer.build_with_context(
                SpanBuilder {
                    span_kind: Some(SpanKind::Client),
                    start_time: Some(wall),
                    attributes: Some(attributes),
                    ..SpanBuilder::from_name::<std::borrow::Cow<'static, str>>(name)
                },
                &parent,
            );
            let recording = span.is_recording();
            if recording {
                if let Some(id) = &call.context.id {
                    span.set_attribute(KeyValue::new(names::CALL_ID, id.clone()));
                }
                if let Some(session) = &call.context.session {
                    span.set_attribute(KeyValue::new(names::CONVERSATION_ID, session.clone()));
                }
            }
            Self {
                context: parent.with_span(span),
                recording: recording.then(|| Recording {
                    wall,
                    start: Instant::now(),
                    model: None,
                    usage: None,
                    finish: None,
                    first_chunk: None,
                }),
            }
        };
        catch_unwind(AssertUnwindSafe(start)).ok()
    }

    /// In which what is inside is polled.
    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) const fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// What an answer or a chunk says of itself.
    pub(crate) fn note(
        &mut self,
        model: Option<&str>,
        usage: Option<Usage>,
        finish: Option<Finish>,
    ) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        if let (None, Some(model)) = (&recording.model, model) {
            recording.model = Some(model.to_owned());
        }
        if let Some(usage) = usage {
            recording.usage = Some(recording.usage.unwrap_or_default().max(usage));
        }
        recording.finish = finish.or(recording.finish);
    }

    pub(crate) fn first_chunk(&mut self, after: Duration) {
        if let Some(recording) = &mut self.recording {
            recording.first_chunk = Some(after);
        }
    }

    /// Tells what happened, and ends the span.
    pub(crate) fn end(self, ending: Ending, journal: &Journal) {
        let Some(recording) = self.recording else {
            return;
        };
        let end = || {
            let span = self.context.span();
            let wall = recording.wall;
            let start = recording.start;
            let when = |at: Instant| wall + at.saturating_duration_since(start);
            let failed = matches!(ending.outcome, Outcome::Error | Outcome::Timeout);
            // Recorded in case that it fails, and it did not: nobody will see it.
            if failed || span.span_context().is_sampled() {
                // Processors may look at the journal too: not under its lock.
                let (attributes, events) = journal
                    .with(|report| (recording.attributes(ending, report), events::of(report)));
                span.set_attributes(attributes);
                for event in events {
                    span.add_event_with_timestamp(event.name, when(event.at), event.attributes);
                }
                if failed {
                    // Without a text: that of an upstream's error may quote the prompt.
                    span.set_status(Status::error(""));
                }
            }
            span.end_with_timestamp(when(ending.at));
        };
        // It has been said by the panic itself, and there is nothing else to be done.
        let _ = catch_unwind(AssertUnwindSafe(end));
    }
}

impl Recording {
    fn attributes(&self, ending: Ending, report: &Report) -> Vec<KeyValue> {
        let mut all = vec![
            KeyValue::new(names::OUTCOME, ending.outcome.as_str()),
            KeyValue::new(names::ATTEMPTS, report.attempts.len() as i64),
        ];
        let mut add = |key: &'static str, value: Option<Value>| {
            all.extend(value.map(|value| KeyValue::new(key, value)));
        };
        let chosen = report.chosen();
        let answered = chosen.and_then(|attempt| attempt.answered.as_deref());
        let model = answered.map(str::to_owned).or_else(|| self.model.clone());
        add(names::RESPONSE_MODEL, model.map(Value::from));
        add(names::ERROR_TYPE, ending.error.map(Value::from));
        let finish = self.finish.map(|finish| {
            let reasons = vec![StringValue::from(finish.as_str())];
            Value::Array(Array::String(reasons))
        });
        add(names::FINISH_REASONS, finish);
        let first_chunk = self.first_chunk.map(|after| after.as_secs_f64().into());
        add(names::FIRST_CHUNK, first_chunk);

        let usage = self
            .usage
            .or_else(|| chosen.and_then(|attempt| attempt.usage));
        let usage = usage.as_ref();
        let tokens = |n: u64| Value::I64(i64::try_from(n).unwrap_or(i64::MAX));
        let some = |n: u64| (n > 0).then(|| tokens(n));
        add(names::INPUT_TOKENS, usage.map(|usage| tokens(usage.input)));
        add(
            names::OUTPUT_TOKENS,
            usage.map(|usage| tokens(usage.output)),
        );
        let cached = usage.and_then(|usage| some(usage.cached_input));
        add(names::CACHE_READ_TOKENS, cached);
        let written = usage.and_then(|usage| some(usage.cache_write));
        add(names::CACHE_CREATION_TOKENS, written);
        let reasoning = usage.and_then(|usage| some(usage.reasoning));
        add(names::REASONING_TOKENS, reasoning);

        let cache = report.cache.as_ref();
        add(
            names::CACHE_STATUS,
            cache.map(|note| note.status.as_str().into()),
        );
        let route = report.decisions.last().map(|decided| &decided.route);
        let route = chosen.and_then(|attempt| attempt.route.as_ref()).or(route);
        let route = route.or(cache.and_then(|note| note.route.as_ref()));
        add(names::ROUTE, route.map(|route| route.clone().into()));
        add(names::LATE, report.late.map(|_| true.into()));
        let paid = report.paid();
        add(names::COST, Some(paid.known.as_dollars_f64().into()));
        let unknown = (paid.unknown > 0).then(|| i64::from(paid.unknown).into());
        add(names::COST_UNKNOWN, unknown);
        if ending.outcome == Outcome::Success {
            let saved = report.saved_by_cache();
            add(
                names::SAVED_BY_CACHE,
                saved.map(|usd| usd.as_dollars_f64().into()),
            );
            let saved = report.saved_by_route();
            add(
                names::SAVED_BY_ROUTE,
                saved.map(|usd| usd.as_dollars_f64().into()),
            );
        }
        all
    }
}
