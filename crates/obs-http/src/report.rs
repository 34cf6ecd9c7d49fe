//! What the headers of an answer tell of the call.
use http::{HeaderMap, HeaderName, HeaderValue, header};
use obs_core::{CacheNote, CacheStatus, Journal, Report, Usd};

const CACHE: HeaderName = HeaderName::from_static("x-obs-cache");
const ROUTE: HeaderName = HeaderName::from_static("x-obs-route");
const LATE: HeaderName = HeaderName::from_static("x-obs-late");
const COST: HeaderName = HeaderName::from_static("x-obs-cost-usd");
const SAVED: HeaderName = HeaderName::from_static("x-obs-saved-usd");

/// How far a call has come when its headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A stream has begun: what it costs is not known yet, unless it was kept.
    Begun,
    /// All of the answer is there, or an error.
    Ended,
}

/// Writes what is known of a call by now: `x-obs-cache`, `Age`, `x-obs-route`, `x-obs-late`, and, when all is known,
/// `x-obs-cost-usd` and `x-obs-saved-usd` (negative for a loss). What is not known is left out.
pub fn report(headers: &mut HeaderMap, journal: &Journal, told: Told) {
    let report = journal.read();
    if let Some(note) = &report.cache {
        set(headers, CACHE, note.status.as_str());
        if let Some(age) = note.age {
            headers.insert(header::AGE, age.as_secs().into());
        }
    }
    if let Some(route) = route(&report) {
        set(headers, ROUTE, route);
    }
    if report.late.is_some() {
        set(headers, LATE, "true");
    }
    let kept = |note: &CacheNote| matches!(note.status, CacheStatus::Hit | CacheStatus::Stale);
    if told == Told::Begun && !report.cache.as_ref().is_some_and(kept) {
        return;
    }
    let saved = match &report.cache {
        Some(note) if note.status.is_hit() => note.saved,
        _ => report.saved_by_route(),
    };
    for (name, dollars) in [(COST, report.paid().exact()), (SAVED, saved)] {
        if let Some(dollars) = dollars {
            set(headers, name, &plain(dollars));
        }
    }
}

/// The route that gave the answer, now or when it was kept.
fn route(report: &Report) -> Option<&str> {
    if let Some(note) = &report.cache
        && note.status.is_hit()
        && let Some(route) = &note.route
    {
        return Some(route);
    }
    let attempt = report.chosen().or_else(|| report.attempts.last());
    let of_attempt = attempt.and_then(|attempt| attempt.route.as_deref());
    let decided = || report.decisions.last().map(|decided| &*decided.route);
    of_attempt.or_else(decided)
}

/// Dollars without their sign.
fn plain(usd: Usd) -> String {
    usd.to_string().replacen('$', "", 1)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A name that no header can hold is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
