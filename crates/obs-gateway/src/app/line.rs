//! One line of the log for each call, however it ends, and one on the live page.
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use obs_core::{Journal, Operation, Report, Usd};
use obs_router::OTHER;
use tokio::time::Instant;
use tracing::info;

use crate::page::{Ended, LEFT, Page, Step};

/// Longest name of a model that is shown.
const LONGEST_NAME: usize = 64;

/// Writes its line when it is dropped, so that there is one also where the caller left.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) call: Arc<str>,
    pub(super) request: Option<Arc<str>>,
    /// The name of the caller's key, where there are keys.
    pub(super) key: Option<Arc<str>>,
    pub(super) tenant: Arc<str>,
    pub(super) operation: Operation,
    pub(super) model: Arc<str>,
    pub(super) stream: bool,
    pub(super) journal: Journal,
    pub(super) start: Instant,
    /// `None`: the caller left before its answer was whole.
    pub(super) status: Option<StatusCode>,
    /// Short, where it failed.
    pub(super) error: Option<&'static str>,
    /// What the decision rests on, where the caller asked.
    pub(super) explained: Option<HeaderValue>,
    /// Where it is shown, too.
    pub(super) page: Arc<Page>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let report = self.journal.read();
        let chosen = report.chosen();
        let tenant = self.tenant.get(..8).unwrap_or(&self.tenant);
        info!(
            call = &*self.call,
            request = self.request.as_deref(),
            key = self.key.as_deref(),
            tenant,
            operation = self.operation.as_str(),
            model = &*self.model,
            stream = self.stream,
            route = route(&report).as_deref(),
            answered = chosen.and_then(|attempt| attempt.answered.as_deref()),
            reason = report.decisions.last().map(|decided| decided.reason),
            cache = report.cache.as_ref().map(|note| note.status.as_str()),
            attempts = report.attempts.len(),
            status = self.status.map_or(LEFT, |status| status.as_u16()),
            error = self.error,
            late = report.late.is_some().then_some(true),
            cost_usd = paid(&report, self.operation).map(plain),
            saved_usd = saved(&report).map(plain),
            seconds = self.start.elapsed().as_secs_f64(),
            "call"
        );
        self.page.note(self.ended(&report));
    }
}

impl Line {
    fn ended(&self, report: &Report) -> Ended {
        let decisions = report.decisions.iter().map(|decided| Step {
            route: decided.route.clone(),
            reason: decided.reason,
            score: decided.score,
        });
        Ended {
            call: self.call.clone(),
            operation: self.operation.as_str(),
            model: self.model.chars().take(LONGEST_NAME).collect(),
            stream: self.stream,
            cache: report.cache.as_ref().map(|note| note.status.as_str()),
            route: route(report),
            decisions: decisions.collect(),
            attempts: report.attempts.len(),
            status: self.status.map_or(LEFT, |status| status.as_u16()),
            error: self.error,
            late: report.late.is_some(),
            cost_usd: paid(report, self.operation),
            saved_usd: saved(report),
            seconds: self.start.elapsed().as_secs_f64(),
        }
    }
}

/// The route that gave the answer, now or when it was kept.
pub(super) fn route(report: &Report) -> Option<Arc<str>> {
    if let Some(note) = &report.cache
        && note.status.is_hit()
        && note.route.is_some()
    {
        return note.route.clone();
    }
    let attempt = report.chosen().or_else(|| report.attempts.last());
    let decided = || report.decisions.last().map(|decided| decided.route.clone());
    let route = attempt
        .and_then(|attempt| attempt.route.clone())
        .or_else(decided);
    // No route is no route, whatever it is counted as.
    route.filter(|route| **route != *OTHER)
}

/// What all attempts cost, where all of it is known. Of a request that is passed on as it is, nothing is.
pub(super) fn paid(report: &Report, operation: Operation) -> Option<Usd> {
    (operation != Operation::Other).then(|| report.paid().exact())?
}

/// By cache and router together; negative for a loss.
pub(super) fn saved(report: &Report) -> Option<Usd> {
    match &report.cache {
        Some(note) if note.status.is_hit() => note.saved,
        _ => report.saved_by_route(),
    }
}

/// Dollars without their sign.
pub(super) fn plain(usd: Usd) -> String {
    usd.to_string().replacen('$', "", 1)
}
