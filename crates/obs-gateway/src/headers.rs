//! What the headers of a request ask of the gateway.
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use obs_core::{CacheDirectives, Deadline, InvalidTimeout};

use crate::{keys::Caller, refusal::Refusal};

pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-obs-cache");
pub(crate) const ROUTE: HeaderName = HeaderName::from_static("x-obs-route");
pub(crate) const LATE: HeaderName = HeaderName::from_static("x-obs-late");
pub(crate) const CALL_ID: HeaderName = HeaderName::from_static("x-obs-call-id");
pub(crate) const COST: HeaderName = HeaderName::from_static("x-obs-cost-usd");
pub(crate) const SAVED: HeaderName = HeaderName::from_static("x-obs-saved-usd");
pub(crate) const EXPLAIN: HeaderName = HeaderName::from_static(EXPLAINS);
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TENANT: &str = "x-obs-tenant";
const SESSION: &str = "x-obs-session";
const DEADLINE: &str = Deadline::HTTP_HEADER;
const REPORT: &str = "x-obs-report";
const EXPLAINS: &str = "x-obs-explain";

/// Longest name of a tenant or session.
const LONGEST: usize = 256;

/// What a caller asks for beside its question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) session: Option<Arc<str>>,
    /// Runs from when the headers were read.
    pub(crate) deadline: Deadline,
    pub(crate) cache: CacheDirectives,
    /// Whether a stream is to end with a comment that tells its cost.
    pub(crate) report: bool,
    /// Whether it is to be told what the decision rests on.
    pub(crate) explain: bool,
    /// The caller's own name for the request.
    pub(crate) request_id: Option<Arc<str>>,
    /// Known by its key, where there are keys.
    pub(crate) caller: Option<Caller>,
}

impl Asked {
    /// Reads the headers; a bad one is refused by its name.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        Ok(Self {
            tenant: name(headers, TENANT)?,
            session: name(headers, SESSION)?,
            deadline: deadline(headers)?,
            cache: cache(headers)?,
            report: flag(headers, REPORT)?,
            explain: flag(headers, EXPLAINS)?,
            request_id: name(headers, "x-request-id")?,
            caller: None,
        })
    }
}

/// The one value of a header. Of two, one may be a stranger's: neither is taken.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Refusal::header(name, "is there more than once")),
        None => Ok(first),
    }
}

fn name(headers: &HeaderMap, name: &'static str) -> Result<Option<Arc<str>>, Refusal> {
    let Some(value) = one(headers, name)? else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if (1..=LONGEST).contains(&text.len()) => Ok(Some(text.into())),
        _ => Err(Refusal::header(
            name,
            "expected 1 to 256 printable ASCII characters",
        )),
    }
}

fn deadline(headers: &HeaderMap) -> Result<Deadline, Refusal> {
    let millis = time_left(headers, DEADLINE, Deadline::from_millis)?;
    let grpc = time_left(headers, Deadline::GRPC_HEADER, Deadline::from_grpc_timeout)?;
    // Of both the shorter one holds.
    let ends = [millis, grpc].into_iter().flatten();
    let end = ends.filter_map(|deadline| deadline.end()).min();
    Ok(end.map(Deadline::at).unwrap_or_default())
}

fn time_left(
    headers: &HeaderMap,
    name: &'static str,
    read: fn(&str) -> Result<Deadline, InvalidTimeout>,
) -> Result<Option<Deadline>, Refusal> {
    let Some(value) = one(headers, name)? else {
        return Ok(None);
    };
    // What is no text is no time either, and the refusal says so.
    let text = String::from_utf8_lossy(value.as_bytes());
    let read = read(&text).map_err(|e| Refusal::header(name, &e.to_string()));
    read.map(Some)
}

fn cache(headers: &HeaderMap) -> Result<CacheDirectives, Refusal> {
    let mut joined = String::new();
    for value in headers.get_all(header::CACHE_CONTROL) {
        let text = value.to_str();
        let text = text.map_err(|_| Refusal::header("cache-control", "is not ASCII text"))?;
        joined.push_str(text);
        joined.push(',');
    }
    CacheDirectives::parse(&joined).map_err(|e| Refusal::header("cache-control", &e.to_string()))
}

fn flag(headers: &HeaderMap, name: &'static str) -> Result<bool, Refusal> {
    match one(headers, name)?.map(HeaderValue::as_bytes) {
        None | Some(b"0") => Ok(false),
        Some(b"1") => Ok(true),
        Some(_) => Err(Refusal::header(name, "expected 0 or 1")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(pairs: &[(&'static str, &[u8])]) -> Result<Asked, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Asked::read(&headers).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_is_asked_is_read() {
        let asked = read(&[
            ("x-obs-tenant", b"acme"),
            ("x-obs-session", b"s"),
            ("x-obs-deadline-ms", b"1500"),
            ("x-obs-report", b"1"),
            ("x-request-id", b"r-1"),
            ("cache-control", b"no-store"),
            ("cache-control", b"max-age=5"),
        ])
        .unwrap();
        assert_eq!(asked.tenant.as_deref(), Some("acme"));
        assert_eq!(asked.session.as_deref(), Some("s"));
        assert!(asked.deadline.remaining() <= Some(Duration::from_millis(1500)));
        assert!(asked.deadline.end().is_some());
        assert_eq!(asked.cache.max_age, Some(Duration::from_secs(5)));
        assert!(asked.cache.no_store && asked.report);
        assert_eq!(asked.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn garbage_is_refused_by_the_name_of_its_header() {
        let long = [b'a'; 257];
        for (name, value) in [
            ("x-obs-deadline-ms", &b"-1"[..]),
            ("x-obs-deadline-ms", b"+1"),
            ("x-obs-deadline-ms", b"1.5"),
            ("x-obs-deadline-ms", b"soon"),
            ("x-obs-deadline-ms", b""),
            ("x-obs-deadline-ms", b"99999999999999999999999"),
            ("x-obs-tenant", b""),
            ("x-obs-tenant", b"\xff\xfe"),
            ("x-obs-tenant", &long),
            ("x-obs-session", b"\xe4"),
            ("x-obs-report", b"yes"),
            ("x-request-id", b"\xff"),
            ("cache-control", b"max-age=-1"),
            ("cache-control", b"max-age=\xff"),
        ] {
            let refusal = read(&[(name, value)]).unwrap_err();
            assert!(refusal.contains(name), "{refusal}");
        }
        let twice = read(&[("x-obs-tenant", b"a"), ("x-obs-tenant", b"b")]).unwrap_err();
        assert!(
            twice.contains("x-obs-tenant") && twice.contains("more than once"),
            "{twice}"
        );
    }
}
