//! The span of one call.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, SystemTime},
};

use obs_core::{Call, Finish, Journal, LlmRequest, Report, Usage};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer},
};
use tokio::time::Instant;

use crate::{
    after,
    asked::{self, Asked},
    capture::Captured,
    events::{self, Event},
    keep::{Judged, Tail},
    names,
    spans::{Spanning, to_traceparent},
    told::{self, Answered, Ending, link},
};

/// The span of one call. Processors and exporters are others' code: a panic in them costs the span, and never the call.
#[derive(Debug)]
pub(crate) struct CallSpan {
    context: Context,
    /// In a box, since few calls have one, and all are moved about.
    recording: Option<Box<Recording>>,
}

/// What is gathered for a span that somebody will see, or may.
#[derive(Debug)]
pub(crate) struct Recording {
    to: To,
    pub(crate) asked: Asked,
    pub(crate) shared: Arc<Spanning>,
    /// The wall clock at the start. All other times are told by the monotonic clock from there.
    wall: SystemTime,
    start: Instant,
    answered: Answered,
    /// When the head of a stream was given out: from then on its route is not changed.
    committed: Option<Instant>,
    captured: Option<Captured>,
}

/// Who will see it.
#[derive(Debug)]
enum To {
    /// It is sampled.
    Span,
    /// It is not, and is made afterwards if the rule wants it. With the parent.
    Tail(Arc<Tail>, SpanContext),
}

impl CallSpan {
    /// Started now, as a child of what is current. `model`: as the call names it, shared.
    pub(crate) fn start<R: LlmRequest>(
        shared: &Arc<Spanning>,
        call: &Call<R>,
        model: impl Fn() -> Arc<str>,
    ) -> Option<Self> {
        let start = || {
            let parent = Context::current();
            let mut asked = None;
            let ask = || Asked::of(call, model(), &shared.provider);
            // Few of them will be seen: whatever can wait, waits.
            let first = shared.eager.then(|| asked.insert(ask()).first());
            let wall = shared.clock.as_ref().map(|clock| clock());
            let span = shared.tracer.build_with_context(
                SpanBuilder {
                    span_kind: Some(SpanKind::Client),
                    start_time: wall,
                    attributes: first,
                    ..SpanBuilder::from_name(call.request.operation().as_str())
                },
                &parent,
            );
            let parent_span = parent.span().span_context().clone();
            let context = parent.with_span(span);
            let recording = {
                let span = context.span();
                let known = span.span_context();
                let recording = |to| {
                    let asked = asked.unwrap_or_else(&ask);
                    Recording::new(to, shared, asked, wall)
                };
                if span.is_recording() {
                    let recording = recording(To::Span);
                    span.update_name(recording.asked.name());
                    if !shared.eager {
                        span.set_attributes(recording.asked.first());
                    }
                    span.set_attributes(recording.asked.rest());
                    span.set_attributes(asked::parameters(&call.request));
                    let known = known.is_sampled().then(|| to_traceparent(known));
                    call.context.journal.with(|report| report.span = known);
                    let capture = shared.capture.as_ref();
                    Some(Box::new(Recording {
                        captured: capture.map(|capture| capture.prompt(&call.request)),
                        ..recording
                    }))
                } else {
                    let tail = shared.tail.clone().filter(|_| known.is_valid());
                    tail.map(|tail| Box::new(recording(To::Tail(tail, parent_span))))
                }
            };
            Self { context, recording }
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

    /// Whether it would be told what the answer is called, which nobody has said yet.
    pub(crate) fn wants_id(&self) -> bool {
        let recording = self.recording.as_ref();
        recording.is_some_and(|r| matches!(r.to, To::Span) && r.answered.id.is_none())
    }

    /// What an answer or a chunk says of itself.
    pub(crate) fn note(
        &mut self,
        id: Option<&str>,
        model: Option<&str>,
        usage: Option<Usage>,
        finish: Option<Finish>,
    ) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        let answered = &mut recording.answered;
        // What may not be told at all is not copied: the journal knows the model too.
        if let To::Span = recording.to {
            if let (None, Some(id)) = (&answered.id, id) {
                answered.id = Some(id.to_owned());
            }
            if let (None, Some(model)) = (&answered.model, model) {
                answered.model = Some(model.to_owned());
            }
        }
        if let Some(usage) = usage {
            answered.usage = Some(answered.usage.unwrap_or_default().max(usage));
        }
        answered.finish = finish.or(answered.finish);
    }

    /// Where the text of the answer goes; `None`: it is not wanted.
    pub(crate) const fn captured(&mut self) -> Option<&mut Captured> {
        match &mut self.recording {
            Some(recording) => recording.captured.as_mut(),
            None => None,
        }
    }

    pub(crate) fn first_chunk(&mut self, after: Duration) {
        if let Some(recording) = &mut self.recording {
            recording.answered.first_chunk = Some(after.as_secs_f64());
        }
    }

    pub(crate) fn committed(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.committed = Some(Instant::now());
        }
    }

    /// Tells what happened, and ends the span.
    pub(crate) fn end(self, ending: Ending, journal: &Journal) {
        let Some(recording) = self.recording else {
            return;
        };
        let end = || recording.end(&self.context, ending, journal);
        // It has been said by the panic itself, and there is nothing else to be done.
        let _ = catch_unwind(AssertUnwindSafe(end));
    }
}

impl Recording {
    fn new(to: To, shared: &Arc<Spanning>, asked: Asked, wall: Option<SystemTime>) -> Self {
        Self {
            to,
            asked,
            shared: shared.clone(),
            wall: wall.unwrap_or_else(|| shared.now()),
            start: Instant::now(),
            answered: Answered::default(),
            committed: None,
            captured: None,
        }
    }

    fn end(mut self, context: &Context, ending: Ending, journal: &Journal) {
        // Processors may look at the journal too: not under its lock.
        match &self.to {
            To::Span => {
                let (attributes, events, link) = journal.with(|report| {
                    let link = link(report);
                    (self.attributes(ending, report), self.events(report), link)
                });
                let span = context.span();
                span.set_attributes(attributes);
                if let Some(captured) = self.captured.take() {
                    span.set_attributes(captured.attributes(self.answered.finish));
                }
                for event in events {
                    let at = self.when(event.at);
                    span.add_event_with_timestamp(event.name, at, event.attributes);
                }
                if let Some(link) = link {
                    span.add_link(link, Vec::new());
                }
                if ending.has_failed() {
                    // Without a text: that of an upstream's error may quote the prompt.
                    span.set_status(Status::error(""));
                }
                span.end_with_timestamp(self.when(ending.at));
            }
            To::Tail(tail, parent) => {
                let kept = journal.with(|report| {
                    let judged = Judged {
                        outcome: ending.outcome,
                        is_late: report.late.is_some(),
                        paid: report.paid().known,
                    };
                    let reason = tail.wants(judged)?;
                    let span = context.span();
                    let span = span.span_context();
                    Some(after::spans(&self, ending, report, reason, span, parent))
                });
                kept.iter().flatten().for_each(|span| tail.tell(span));
            }
        }
    }

    pub(crate) const fn when_started(&self) -> SystemTime {
        self.wall
    }

    pub(crate) fn when(&self, at: Instant) -> SystemTime {
        self.wall + at.saturating_duration_since(self.start)
    }

    pub(crate) fn attributes(&self, ending: Ending, report: &Report) -> Vec<KeyValue> {
        let mut all = told::of_call(ending, &self.answered, report, self.shared.conventions);
        // A hit asks nobody.
        if let Some(attempt) = report.chosen().or(report.attempts.last()) {
            all.extend(self.shared.server(attempt.route.as_ref()));
        }
        all
    }

    pub(crate) fn events(&self, report: &Report) -> Vec<Event> {
        let committed = self.committed.map(|at| Event {
            name: names::COMMIT_EVENT,
            at,
            attributes: Vec::new(),
        });
        events::of(report, committed)
    }
}
