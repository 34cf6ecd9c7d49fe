//! Text that must not be printed.
use std::fmt;

/// A secret. `Debug` shows stars; only [`expose`](Self::expose) gives it away.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// A URL without its passwords: `redis://user:***@host`. Text that is no URL comes out as it is.
pub(crate) fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.into();
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, format!("?{}", mask_query(query))),
        None => (rest, String::new()),
    };
    // The last `@`: a password may hold others that are not escaped, and slashes.
    match place.rfind('@') {
        Some(at) => {
            let user = place[..at].split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***{}{query}", &place[at..])
        }
        None => format!("{scheme}://{place}{query}"),
    }
}

/// URLs of Sentinel and of some providers carry credentials in the query, too.
fn mask_query(query: &str) -> String {
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "key", "secret", "token"]
        .iter()
        .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_a_url_are_masked() {
        assert_eq!(mask_url("redis://h:6379/0"), "redis://h:6379/0");
        assert_eq!(mask_url("redis://:pw@h:6379"), "redis://:***@h:6379");
        assert_eq!(mask_url("rediss://u:p@w/x@h/0"), "rediss://u:***@h/0");
        assert_eq!(
            mask_url("redis-sentinel://u:pw@h/0?sentinelServiceName=m&sentinelPassword=pw"),
            "redis-sentinel://u:***@h/0?sentinelServiceName=m&sentinelPassword=***"
        );
        assert_eq!(mask_url("memory"), "memory");
    }
}
