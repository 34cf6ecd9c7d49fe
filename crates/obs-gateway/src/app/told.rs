//! What the headers of an answer tell.
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use obs_core::{CacheNote, CacheStatus, Journal, Operation, Report};

use super::line::{paid, plain, route, saved};
use crate::headers::{CACHE, CALL_ID, COST, EXPLAIN, LATE, ROUTE, SAVED};

/// Writes the name of the call.
pub(super) fn call(headers: &mut HeaderMap, call: &Arc<str>) {
    set(headers, CALL_ID, call);
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A stream has begun: what it costs is not known yet.
    Head,
    /// It has ended.
    All(Operation),
}

/// Writes what is known of the call by now.
pub(super) fn report(headers: &mut HeaderMap, journal: &Journal, known: Known) {
    let report = journal.read();
    if let Some(note) = &report.cache {
        set(headers, CACHE, note.status.as_str());
        if let Some(age) = note.age {
            headers.insert(header::AGE, age.as_secs().into());
        }
    }
    if let Some(route) = route(&report) {
        set(headers, ROUTE, &route);
    }
    if report.late.is_some() {
        set(headers, LATE, "true");
    }
    let stored = |note: &CacheNote| matches!(note.status, CacheStatus::Hit | CacheStatus::Stale);
    let stored = report.cache.as_ref().is_some_and(stored);
    let operation = match known {
        Known::All(operation) => operation,
        // What is kept has its cost with it. Who shares another's stream may still pay for it: the other may leave.
        Known::Head if stored => Operation::Chat,
        Known::Head => return,
    };
    for (name, dollars) in money(&report, operation) {
        set(headers, name, &dollars);
    }
}

/// Writes what the decision rests on, for who asked.
pub(super) fn explained(headers: &mut HeaderMap, told: Option<HeaderValue>) {
    if let Some(told) = told {
        headers.insert(EXPLAIN, told);
    }
}

/// The same for the end of a stream, as a comment.
pub(super) fn comment(journal: &Journal) -> String {
    let report = journal.read();
    let mut told = Vec::new();
    if let Some(note) = &report.cache {
        told.push(format!("{CACHE}={}", note.status.as_str()));
    }
    if let Some(route) = route(&report) {
        told.push(format!("{ROUTE}={route}"));
    }
    told.extend(money(&report, Operation::Chat).map(|(name, dollars)| format!("{name}={dollars}")));
    told.join(" ")
}

/// What is not known is not told: it is never zero.
fn money(report: &Report, operation: Operation) -> impl Iterator<Item = (HeaderName, String)> {
    let paid = paid(report, operation).map(|usd| (COST, plain(usd)));
    let saved = saved(report).map(|usd| (SAVED, plain(usd)));
    paid.into_iter().chain(saved)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Names of routes and calls are printable by their settings; anything else is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
