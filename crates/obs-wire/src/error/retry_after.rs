//! After which time a provider wants to be asked again.
use std::time::Duration;

use http::{HeaderMap, header};

/// From `retry-after-ms`, or from `Retry-After` in seconds or as a date.
///
/// A date is compared with that of the answer, so that no clock of ours is in it; without one it says nothing.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(seconds) {
        return Some(ms / 1000);
    }
    let value = text(header::RETRY_AFTER.as_str())?;
    seconds(value).or_else(|| {
        let at = httpdate::parse_http_date(value).ok()?;
        let now = httpdate::parse_http_date(text(header::DATE.as_str())?).ok()?;
        Some(at.duration_since(now).unwrap_or_default())
    })
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(pairs: &[(&'static str, &'static str)], expected: Option<Duration>) {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        assert_eq!(retry_after(&pairs.collect()), expected);
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_read() {
        check(&[("retry-after", "2")], Some(Duration::from_secs(2)));
        check(
            &[("retry-after", " 0.5 ")],
            Some(Duration::from_millis(500)),
        );
        check(
            &[("retry-after", "9"), ("retry-after-ms", "1500")],
            Some(Duration::from_millis(1500)),
        );
        let date = ("date", "Mon, 23 Nov 2026 16:00:00 GMT");
        let later = ("retry-after", "Mon, 23 Nov 2026 16:01:30 GMT");
        let earlier = ("retry-after", "Mon, 23 Nov 2026 15:00:00 GMT");
        check(&[date, later], Some(Duration::from_secs(90)));
        check(&[date, earlier], Some(Duration::ZERO));
        check(&[later], None);
    }

    #[test]
    fn nonsense_says_nothing() {
        for value in ["", "soon", "-3", "NaN", "inf", "1e300"] {
            check(&[("retry-after", value)], None);
        }
    }
}
