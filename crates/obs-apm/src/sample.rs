//! Watches one call, and counts it once.

use std::sync::Arc;

use obs_core::{
    Call, Deadline, End, ErrorKind, Journal, LlmChunk, LlmRequest, LlmResponse, Observe, Operation,
};
use obs_metrics::OTHER;
use opentelemetry::Context;
use tokio::time::Instant;

use crate::{calls::Timed, outcome::Outcome, shared::Shared, span::CallSpan, told::Ending};

/// One call. It is counted when it ends, and as cancelled when it is dropped before.
#[derive(Debug)]
pub(crate) struct Sample {
    shared: Arc<Shared>,
    operation: Operation,
    deadline: Deadline,
    streams: bool,
    /// `None`: nobody wants to know how long it takes, so no clock is read.
    timing: Option<Timing>,
    /// With the journal of which it tells.
    span: Option<(CallSpan, Journal)>,
    open: bool,
}

#[derive(Debug)]
struct Timing {
    start: Instant,
    last_chunk: Option<Instant>,
    series: Timed,
}

impl Sample {
    pub(crate) fn begin<R: LlmRequest>(shared: &Arc<Shared>, call: &Call<R>) -> Self {
        let operation = call.request.operation();
        shared.calls.begin(operation);
        let mut sample = Self {
            shared: shared.clone(),
            operation,
            deadline: call.context.deadline.clone(),
            streams: call.request.streams(),
            timing: None,
            span: None,
            open: true,
        };
        // From here on it is counted, whatever happens.
        let model = call.request.model();
        let series = shared.calls.series(operation, model);
        if let Some(spans) = &shared.spans {
            // The name of the series is shared already, unless it is that of all the others.
            let shared = || {
                let known = series.series().map(|series| series.model());
                let known = known.filter(|known| **known == *model);
                known.unwrap_or_else(|| model.into())
            };
            let span = CallSpan::start(spans, call, shared);
            sample.span = span.map(|span| (span, call.journal()));
        }
        let span = sample.span.as_ref();
        let recording = span.is_some_and(|(span, _)| span.is_recording());
        if !matches!(series, Timed::Not) || recording {
            sample.timing = Some(Timing {
                start: Instant::now(),
                last_chunk: None,
                series,
            });
        }
        sample
    }

    /// In which what is inside is polled.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.span.as_ref().map(|(span, _)| span.context())
    }

    /// The model has answered.
    fn proven(&mut self) {
        if let Some(timing) = &mut self.timing {
            timing.series.prove(&self.shared.calls, self.operation);
        }
    }

    fn finish(&mut self, how: End<'_>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let (outcome, kind) = match how {
            End::Complete => (Outcome::Success, None),
            End::Failed(error) if error.kind() == ErrorKind::Timeout => {
                (Outcome::Timeout, Some(ErrorKind::Timeout))
            }
            End::Failed(error) => (Outcome::Error, Some(error.kind())),
            End::Dropped if self.deadline.is_over() => (Outcome::Timeout, Some(ErrorKind::Timeout)),
            End::Dropped => (Outcome::Cancelled, None),
        };
        let error = match outcome {
            Outcome::Cancelled => Some(outcome.as_str()),
            _ => kind.map(ErrorKind::as_str),
        };
        if let Some(timing) = self.timing.take() {
            let at = Instant::now();
            let calls = &self.shared.calls;
            let others = match &timing.series {
                Timed::Unproven(_) => calls.proven(self.operation, OTHER),
                Timed::By(_) | Timed::Not => None,
            };
            if let Some(series) = timing.series.series().or(others.as_ref()) {
                series.took((at - timing.start).as_secs_f64(), error);
            }
            if let Some((span, journal)) = self.span.take() {
                let fault = kind.map(|kind| kind.fault().as_str());
                let ending = Ending {
                    outcome,
                    error,
                    fault,
                    at,
                };
                span.end(ending, &journal);
            }
        }
        // Last, so that who waits for the count finds the rest.
        self.shared.calls.end(self.operation, outcome);
    }
}

impl<Res: LlmResponse> Observe<Res> for Sample {
    fn answer(&mut self, answer: &Res) {
        self.proven();
        if let Some((span, _)) = &mut self.span {
            span.note(answer.id(), answer.model(), answer.usage(), answer.finish());
            if let Some(captured) = span.captured() {
                answer.visit_text(&mut |text| captured.answer(text));
            }
            if self.streams {
                span.committed();
            }
        }
    }

    fn chunk(&mut self, chunk: &Res::Chunk, _first_content: bool) {
        if let Some((span, _)) = &mut self.span {
            let id = span.wants_id().then(|| chunk.id()).flatten();
            span.note(id, chunk.model(), chunk.usage(), chunk.finish());
            if let Some(captured) = span.captured() {
                captured.answer(chunk.text());
            }
        }
        let Some(timing) = &mut self.timing else {
            return;
        };
        let now = Instant::now();
        let last = timing.last_chunk.replace(now);
        let series = timing.series.series();
        match (last, series) {
            (None, series) => {
                let after = now - timing.start;
                if let Some(series) = series {
                    series.chunks().first.record(after.as_secs_f64());
                }
                if let Some((span, _)) = &mut self.span {
                    span.first_chunk(after);
                }
            }
            (Some(last), Some(series)) => series.chunks().each.record((now - last).as_secs_f64()),
            (Some(_), None) => {}
        }
    }

    fn end(&mut self, how: End<'_>) {
        self.finish(how);
    }
}

/// A panic before the future exists must not leave a call in flight for ever.
impl Drop for Sample {
    fn drop(&mut self) {
        self.finish(End::Dropped);
    }
}
