//! What a caller asks of a cache (RFC 9111, section 5.2.1).
use std::{error::Error as StdError, fmt, time::Duration};

/// The directives of a `Cache-Control` request header. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheDirectives {
    /// Keep nothing of this call, and answer it from nothing that was kept.
    pub no_store: bool,
    /// Ask again, and refresh what was kept.
    pub no_cache: bool,
    /// Answer from the cache or not at all.
    pub only_if_cached: bool,
    /// Nothing that is older.
    pub max_age: Option<Duration>,
    /// Nothing that is fresh for less than this.
    pub min_fresh: Option<Duration>,
    /// Something that is no longer fresh will do.
    pub max_stale: Option<MaxStale>,
}

/// For how long after its end of freshness an answer will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxStale {
    /// However old.
    Any,
    /// For this long.
    For(Duration),
}

/// A directive that is known, with a value that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDirective {
    directive: String,
}

impl CacheDirectives {
    /// Reads a `Cache-Control` header. Unknown directives are passed over, as the RFC asks; several headers are
    /// joined with commas first.
    ///
    /// # Errors
    /// When a known directive lacks its value or has one that is no number of seconds.
    pub fn parse(header: &str) -> Result<Self, InvalidDirective> {
        let mut found = Self::default();
        for directive in header.split(',').map(str::trim).filter(|d| !d.is_empty()) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim().trim_matches('"'))),
                None => (directive, None),
            };
            let invalid = || InvalidDirective {
                directive: directive.chars().take(64).collect(),
            };
            let seconds = || seconds(value.unwrap_or_default()).ok_or_else(invalid);
            match name.to_ascii_lowercase().as_str() {
                "no-store" => found.no_store = true,
                "no-cache" => found.no_cache = true,
                "only-if-cached" => found.only_if_cached = true,
                "max-age" => found.max_age = Some(seconds()?),
                "min-fresh" => found.min_fresh = Some(seconds()?),
                "max-stale" if value.is_none() => found.max_stale = Some(MaxStale::Any),
                "max-stale" => found.max_stale = Some(MaxStale::For(seconds()?)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Keep nothing of this call, and answer it from nothing that was kept.
    #[must_use]
    pub fn no_store(mut self) -> Self {
        self.no_store = true;
        self
    }

    /// Ask again, and refresh what was kept.
    #[must_use]
    pub fn no_cache(mut self) -> Self {
        self.no_cache = true;
        self
    }

    /// Answer from the cache or not at all.
    #[must_use]
    pub fn only_if_cached(mut self) -> Self {
        self.only_if_cached = true;
        self
    }

    /// Nothing that is older.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }
}

/// RFC 9111, section 1.2.2: a number too large to hold is the largest that can be held.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u32::MAX).into()))
}

impl fmt::Display for InvalidDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directive = &self.directive;
        write!(
            f,
            "invalid cache directive `{directive}`: a whole number of seconds, zero or more, must follow its `=`"
        )
    }
}

impl StdError for InvalidDirective {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_rfc_names_and_passes_over_the_rest() {
        let found =
            CacheDirectives::parse("No-Cache, max-age=60 ,max-stale, min-fresh=\"5\", x=1,,");
        let wanted = CacheDirectives {
            no_cache: true,
            max_age: Some(Duration::from_secs(60)),
            min_fresh: Some(Duration::from_secs(5)),
            max_stale: Some(MaxStale::Any),
            ..CacheDirectives::default()
        };
        assert_eq!(found, Ok(wanted));
        assert_eq!(CacheDirectives::parse(""), Ok(CacheDirectives::default()));
    }

    #[test]
    fn refuses_values_that_are_no_seconds() {
        for header in ["max-age=-1", "max-age", "min-fresh=soon", "max-stale=1.5"] {
            let error = CacheDirectives::parse(header).unwrap_err();
            assert!(error.to_string().contains(header), "{error}");
        }
        let huge = CacheDirectives::parse("max-age=99999999999999999999").unwrap();
        assert_eq!(huge.max_age, Some(Duration::from_secs(u32::MAX.into())));
    }
}
