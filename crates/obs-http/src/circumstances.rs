//! What the headers of a request say of the call.
use http::{HeaderMap, header};
use obs_core::{CacheDirectives, CallContext, Deadline};

use crate::{
    invalid::{InvalidHeader, name, one},
    tenant::TenantBy,
};

const SESSION: &str = "x-obs-session";

/// Reads the circumstances of a call: the tenant as `by` tells it, `x-obs-session`, `Cache-Control`, and the deadline
/// from `x-obs-deadline-ms` or `grpc-timeout`, which runs from now on; of both the one that leaves less holds.
///
/// # Errors
/// A header that cannot be understood, or one that names somebody and is there twice.
pub fn circumstances(headers: &HeaderMap, by: TenantBy) -> Result<CallContext, InvalidHeader> {
    let mut context = CallContext::default();
    context.tenant = Some(by.of(headers)?);
    context.session = name(headers, SESSION)?;
    context.deadline = deadline(headers)?;
    context.cache = cache(headers)?;
    Ok(context)
}

fn deadline(headers: &HeaderMap) -> Result<Deadline, InvalidHeader> {
    for name in [Deadline::HTTP_HEADER, Deadline::GRPC_HEADER] {
        one(headers, name)?;
    }
    // What is no text is no time either, and is refused as such.
    let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or("no text"));
    Deadline::extract(text).map_err(|error| InvalidHeader::new(Deadline::HTTP_HEADER, error))
}

fn cache(headers: &HeaderMap) -> Result<CacheDirectives, InvalidHeader> {
    let refuse = |problem: &dyn std::fmt::Display| InvalidHeader::new("cache-control", problem);
    let mut joined = String::new();
    for value in headers.get_all(header::CACHE_CONTROL) {
        let text = value.to_str().map_err(|_| refuse(&"is not ASCII text"))?;
        joined.push_str(text);
        joined.push(',');
    }
    CacheDirectives::parse(&joined).map_err(|error| refuse(&error))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Result<CallContext, InvalidHeader> {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        circumstances(&headers.collect(), TenantBy::Credential)
    }

    #[tokio::test(start_paused = true)]
    async fn the_shorter_deadline_holds() {
        let context = read(&[("x-obs-deadline-ms", "1500"), ("grpc-timeout", "1S")]);
        let deadline = context.expect("is fine").deadline;
        assert_eq!(deadline.remaining(), Some(Duration::from_secs(1)));
        assert_eq!(read(&[]).expect("is fine").deadline.remaining(), None);
    }

    #[test]
    fn the_cache_is_told_what_the_caller_wants() {
        let context = read(&[("cache-control", "no-cache, max-age=60")]).expect("is fine");
        assert!(context.cache.no_cache);
        assert_eq!(context.cache.max_age, Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (name, value) in [
            ("x-obs-deadline-ms", "soon"),
            ("x-obs-session", ""),
            ("x-obs-tenant", ""),
            ("cache-control", "max-age=yesterday"),
        ] {
            let refused = read(&[(name, value)]).expect_err(name);
            assert_eq!(refused.name(), name);
        }
    }

    #[test]
    fn a_name_that_is_there_twice_is_nobodys() {
        let mut headers = HeaderMap::new();
        for session in ["one", "two"] {
            headers.append(SESSION, HeaderValue::from_static(session));
        }
        assert!(circumstances(&headers, TenantBy::Shared).is_err());
    }
}
