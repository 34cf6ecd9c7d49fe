//! Where a provider is.
use reqwest::Url;

use super::build_error::BuildError;

/// A base URL and how it is shown.
#[derive(Clone, Debug)]
pub(super) struct BaseUrl {
    /// Its path does not end with a slash.
    url: Url,
    /// Without query.
    shown: Box<str>,
    /// Scheme, host and port.
    origin: Box<str>,
}

impl BaseUrl {
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        let wrong = |problem: &str| {
            Err(BuildError::new(
                "base_url",
                format!("{problem}: expected a URL such as https://api.openai.com/v1"),
            ))
        };
        let mut url = match Url::parse(text.trim()) {
            Ok(url) => url,
            // The text itself is not told: a key may have been put in its place.
            Err(error) => return wrong(&format!("is no URL ({error})")),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return wrong(&format!("has the scheme `{}`", url.scheme()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return wrong("has no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds a credential, which belongs into the key");
        }
        if url.fragment().is_some() {
            return wrong("has a fragment");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(if path.is_empty() { "/v1" } else { &path });
        let origin = url.origin().ascii_serialization();
        Ok(Self {
            shown: format!("{origin}{}", url.path()).into(),
            origin: origin.into(),
            url,
        })
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// An endpoint, such as `/chat/completions`.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path()));
        url
    }

    /// A path and query of a request of a client's. `None`: it leads out of the base.
    pub(super) fn forwarded(&self, path: &str, query: Option<&str>) -> Option<Url> {
        let path = match path.strip_prefix("/v1") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        };
        let mut url = self.endpoint(path);
        let inside = url.path().strip_prefix(self.url.path())?;
        if !(inside.is_empty() || inside.starts_with('/')) {
            return None;
        }
        let query = [self.url.query(), query].into_iter().flatten();
        let query = query.filter(|query| !query.is_empty()).collect::<Vec<_>>();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        Some(url)
    }
}

/// A URL as it may be shown: without query.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str) -> String {
        let base = BaseUrl::parse(base).unwrap();
        base.endpoint("/chat/completions").to_string()
    }

    #[test]
    fn a_base_without_a_path_is_completed() {
        let expected = "http://localhost:11434/v1/chat/completions";
        assert_eq!(endpoint("http://localhost:11434"), expected);
        assert_eq!(endpoint("http://localhost:11434/"), expected);
        assert_eq!(endpoint("http://localhost:11434/v1/"), expected);
        assert_eq!(
            endpoint("https://x.example/openai/deployments/d?api-version=1"),
            "https://x.example/openai/deployments/d/chat/completions?api-version=1"
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for bad in [
            "",
            "api.openai.com",
            "localhost:8080",
            "ftp://host/v1",
            "http://",
            "https://user:pass@host/v1",
            "https://host/v1#x",
            "sk-secret",
        ] {
            let error = BaseUrl::parse(bad).unwrap_err().to_string();
            assert!(error.contains("base_url"), "{error}");
            assert!(!error.contains("secret") && !error.contains("pass@"));
        }
    }

    #[test]
    fn a_forwarded_path_stays_within_the_base() {
        let base = BaseUrl::parse("https://host/openai/v1?k=1").unwrap();
        let forwarded = |path, query| base.forwarded(path, query).map(String::from);
        assert_eq!(
            forwarded("/v1/models", Some("limit=2")).unwrap(),
            "https://host/openai/v1/models?k=1&limit=2"
        );
        assert_eq!(
            forwarded("/v1", None).unwrap(),
            "https://host/openai/v1?k=1"
        );
        assert_eq!(
            forwarded("/v1beta/x", None).unwrap(),
            "https://host/openai/v1/v1beta/x?k=1"
        );
        for path in [
            "/v1/../../admin",
            "/v1/%2e%2e/admin",
            "/v1/../v1evil/x",
            "/../x",
            "/v1/..",
            "/v1/..\\x",
        ] {
            assert_eq!(forwarded(path, None), None, "{path}");
        }
        assert_eq!(
            forwarded("//evil.example/x", None).unwrap(),
            "https://host/openai/v1//evil.example/x?k=1"
        );
    }

    #[test]
    fn a_query_is_not_shown() {
        let base = BaseUrl::parse("https://host/v1?key=secret").unwrap();
        assert_eq!(base.shown(), "https://host/v1");
        assert_eq!(shown(&base.endpoint("/x")), "https://host/v1/x");
    }
}
