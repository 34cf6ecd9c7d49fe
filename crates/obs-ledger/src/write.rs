//! From a journal to an entry.
use std::sync::Arc;

use obs_core::{self as core, End, ErrorKind, Paid, Report};
use tokio::time::Instant;

use crate::{Attempt, Cached, Decision, Entry, Outcome, asked::Asked};

/// The entry of a call that has ended.
pub(crate) fn entry(
    asked: &Asked,
    report: &Report,
    how: &End<'_>,
    first_token: Option<Instant>,
) -> Entry {
    let mut entry = asked.entry.clone();
    let chosen = report.chosen();
    entry.decisions = report.decisions.iter().map(Decision::of).collect();
    entry.cache = report.cache.as_ref().map(|note| Cached {
        status: note.status.as_str().into(),
        age_ms: note.age.map(|age| whole(age.as_millis())),
    });
    let of = |attempt| self::attempt(attempt, chosen, asked.began);
    entry.attempts = report.attempts.iter().map(of).collect();
    entry.route = route(report);
    let paid = report.paid();
    entry.paid = paid.known;
    entry.unknown_costs = paid.unknown;
    entry.saved_by_cache = report.saved_by_cache();
    entry.late = report.late.is_some();
    entry.latency_us = whole(asked.began.elapsed().as_micros());
    entry.first_token_us = first_token.map(|at| since(asked.began, at));
    (entry.outcome, entry.error) = match how {
        End::Complete => (Outcome::Answered, None),
        End::Failed(error) => (
            Outcome::of(error.kind()),
            Some(error.kind().as_str().into()),
        ),
        End::Dropped => (Outcome::Cancelled, None),
    };
    if let Some(baseline) = &report.baseline {
        entry.baseline_route = Some(baseline.route.clone());
    }
    // Nothing is saved by a call that failed; what another's call had cost is saved by whoever got its answer.
    if entry.outcome == Outcome::Answered {
        entry.saved_by_router = report.saved_by_route();
        entry.baseline = report.baseline_cost();
    } else if entry.is_hit() {
        entry.baseline = report.baseline_cost();
    }
    entry
}

/// The entry of work that no caller paid for. There is one attempt at least.
pub(crate) fn work(asked: Asked, attempts: &[core::Attempt]) -> Entry {
    let Asked { began, mut entry } = asked;
    entry.work = true;
    entry.attempts = attempts.iter().map(|a| attempt(a, None, began)).collect();
    let paid: Paid = attempts.iter().map(|attempt| attempt.cost).sum();
    entry.paid = paid.known;
    entry.unknown_costs = paid.unknown;
    let ended = attempts.iter().filter_map(|attempt| attempt.ended).max();
    entry.latency_us = ended.map_or(0, |ended| since(began, ended));
    let last = entry.attempts.last();
    entry.outcome = last.and_then(|last| last.outcome).unwrap_or_default();
    entry.error = last.and_then(|last| last.error.clone());
    entry
}

fn attempt(of: &core::Attempt, chosen: Option<&core::Attempt>, began: Instant) -> Attempt {
    let error = match of.outcome {
        Some(core::Outcome::Failed(kind)) => Some(kind.as_str().into()),
        _ => None,
    };
    Attempt {
        route: of.route.clone(),
        asked: of.asked.clone(),
        answered: of.answered.clone().filter(|name| *name != of.asked),
        purpose: of.purpose.as_str().into(),
        chosen: chosen.is_some_and(|chosen| chosen.number == of.number),
        usage: of.usage,
        cost: of.cost,
        estimate: of.estimate,
        at_us: match of.started.checked_duration_since(began) {
            Some(after) => signed(after.as_micros()),
            None => -signed((began - of.started).as_micros()),
        },
        latency_us: of.ended.map(|ended| since(of.started, ended)),
        first_token_us: of.first_token.map(|at| since(of.started, at)),
        outcome: of.outcome.map(Into::into),
        error,
    }
}

/// The route that gave the answer, now or when it was kept.
fn route(report: &Report) -> Option<Arc<str>> {
    let stored = report.cache.as_ref().filter(|note| note.status.is_hit());
    match stored {
        Some(note) => note.route.clone(),
        None => report.chosen()?.route.clone(),
    }
}

impl Decision {
    fn of(decided: &core::Decided) -> Self {
        Self {
            route: decided.route.clone(),
            reason: decided.reason.into(),
            score: decided.score,
        }
    }
}

impl Outcome {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Timeout => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl From<core::Outcome> for Outcome {
    fn from(outcome: core::Outcome) -> Self {
        match outcome {
            core::Outcome::Answered => Self::Answered,
            core::Outcome::Failed(_) => Self::Failed,
            core::Outcome::TimedOut => Self::TimedOut,
            core::Outcome::Cancelled => Self::Cancelled,
        }
    }
}

fn since(from: Instant, to: Instant) -> u64 {
    whole(to.saturating_duration_since(from).as_micros())
}

fn whole(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn signed(count: u128) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
