//! What is known of a call when it has ended, as a span tells it.

use obs_core::{Attempt, CacheStatus, Finish, Outcome as AttemptOutcome, Report, Usage};
use opentelemetry::{Array, KeyValue, StringValue, Value, trace::SpanContext};
use tokio::time::Instant;

use crate::{Conventions, names, outcome::Outcome, spans::from_traceparent};

/// What the answer said of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<Finish>,
    /// Seconds.
    pub(crate) first_chunk: Option<f64>,
}

/// How a call ended, as its span tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<&'static str>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) at: Instant,
}

/// Attributes, of which some are not known.
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        self.0.extend(value.map(|value| KeyValue::new(key, value)));
    }

    fn usage(&mut self, usage: Option<&Usage>, conventions: Conventions) {
        let Some(usage) = usage else { return };
        let tokens = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let some = |n: u64| (n > 0).then(|| tokens(n));
        self.add(names::INPUT_TOKENS, Some(tokens(usage.input)));
        self.add(names::OUTPUT_TOKENS, Some(tokens(usage.output)));
        self.add(names::CACHE_READ_TOKENS, some(usage.cached_input));
        let written = match conventions {
            Conventions::V1_41 => names::CACHE_CREATION_TOKENS,
            Conventions::Latest => names::CACHE_WRITE_TOKENS,
        };
        self.add(written, some(usage.cache_write));
        self.add(names::REASONING_TOKENS, some(usage.reasoning));
    }

    fn finish(&mut self, finish: Option<Finish>) {
        let reasons = finish.map(|finish| {
            let reasons = vec![StringValue::from(finish.as_str())];
            Value::Array(Array::String(reasons))
        });
        self.add(names::FINISH_REASONS, reasons);
    }
}

impl Ending {
    pub(crate) const fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Error | Outcome::Timeout)
    }
}

/// Of a call.
pub(crate) fn of_call(
    ending: Ending,
    answered: &Answered,
    report: &Report,
    conventions: Conventions,
) -> Vec<KeyValue> {
    let mut all = Attributes(Vec::with_capacity(24));
    all.add(names::OUTCOME, Some(ending.outcome.as_str()));
    all.add(names::ATTEMPTS, Some(report.attempts.len() as i64));
    let chosen = report.chosen();
    let model = chosen.and_then(|attempt| attempt.answered.as_deref());
    let model = model.or(answered.model.as_deref()).map(str::to_owned);
    all.add(names::RESPONSE_MODEL, model);
    all.add(names::RESPONSE_ID, answered.id.clone());
    all.add(names::ERROR_TYPE, ending.error);
    all.add(names::FAULT, ending.fault);
    all.finish(answered.finish);
    all.add(names::FIRST_CHUNK, answered.first_chunk);
    let usage = chosen.and_then(|attempt| attempt.usage);
    all.usage(answered.usage.or(usage).as_ref(), conventions);

    let cache = report.cache.as_ref();
    all.add(names::CACHE_STATUS, cache.map(|note| note.status.as_str()));
    let route = report.decisions.last().map(|decided| &decided.route);
    let route = chosen.and_then(|attempt| attempt.route.as_ref()).or(route);
    let route = route.or(cache.and_then(|note| note.route.as_ref()));
    all.add(names::ROUTE, route.cloned());
    all.add(names::LATE, report.late.map(|_| true));
    let paid = report.paid();
    all.add(names::COST, Some(paid.known.as_dollars_f64()));
    let unknown = (paid.unknown > 0).then(|| i64::from(paid.unknown));
    all.add(names::COST_UNKNOWN, unknown);
    if ending.outcome == Outcome::Success {
        let dollars = |usd: obs_core::Usd| usd.as_dollars_f64();
        all.add(names::SAVED_BY_CACHE, report.saved_by_cache().map(dollars));
        all.add(names::SAVED_BY_ROUTE, report.saved_by_route().map(dollars));
    }
    all.0
}

/// Of one attempt; `answered`: what is not in it.
pub(crate) fn of_attempt(
    attempt: &Attempt,
    answered: &Answered,
    conventions: Conventions,
) -> Vec<KeyValue> {
    let mut all = Attributes(Vec::with_capacity(12));
    let model = attempt.answered.as_deref().map(str::to_owned);
    all.add(names::RESPONSE_MODEL, model);
    all.add(names::RESPONSE_ID, answered.id.clone());
    all.finish(answered.finish);
    let first = attempt.first_token;
    let first = first.map(|at| at.saturating_duration_since(attempt.started).as_secs_f64());
    all.add(names::FIRST_CHUNK, first);
    all.usage(attempt.usage.as_ref(), conventions);
    all.add(names::OUTCOME, attempt.outcome.map(AttemptOutcome::as_str));
    match attempt.outcome {
        Some(AttemptOutcome::Failed(kind)) => {
            all.add(names::ERROR_TYPE, Some(kind.as_str()));
            all.add(names::FAULT, Some(kind.fault().as_str()));
        }
        Some(outcome @ (AttemptOutcome::TimedOut | AttemptOutcome::Cancelled)) => {
            all.add(names::ERROR_TYPE, Some(error_of(outcome)));
        }
        Some(AttemptOutcome::Answered) | None => {}
    }
    all.add(names::COST, attempt.cost.map(|usd| usd.as_dollars_f64()));
    all.0
}

/// Whether a span of it is one of an error.
pub(crate) const fn has_failed(outcome: Option<AttemptOutcome>) -> bool {
    matches!(
        outcome,
        Some(AttemptOutcome::Failed(_) | AttemptOutcome::TimedOut)
    )
}

const fn error_of(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::TimedOut => "timeout",
        _ => "cancelled",
    }
}

/// To the call that did the work, if that is another one.
pub(crate) fn link(report: &Report) -> Option<SpanContext> {
    let coalesced = |status| matches!(status, CacheStatus::Coalesced | CacheStatus::Miss);
    let note = report.cache.as_ref();
    let origin = report.origin.as_ref()?;
    note.filter(|note| coalesced(note.status))
        .and_then(|_| from_traceparent(origin))
}
