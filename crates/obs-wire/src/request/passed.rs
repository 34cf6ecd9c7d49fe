//! The headers of a caller that go on to the provider.
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Headers;

/// Who asks, or for which account, in all formats.
const IDENTITY: [&str; 5] = [
    "authorization",
    "api-key",
    "x-api-key",
    "openai-organization",
    "openai-project",
];

/// Headers that a caller gave and that may go on. Cheap to clone; credentials do not show in `Debug`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Option<Arc<HeaderMap>>);

impl Passed {
    /// Of all headers those that may go on.
    pub(crate) fn of(headers: &HeaderMap, format: &Headers) -> Self {
        let mut passed = HeaderMap::new();
        let lists = [
            format.credentials,
            format.account,
            format.meaning,
            format.others,
        ];
        for name in lists.into_iter().flatten() {
            for value in headers.get_all(*name) {
                let mut value = value.clone();
                value.set_sensitive(format.credentials.contains(name));
                passed.append(*name, value);
            }
        }
        Self((!passed.is_empty()).then(|| Arc::new(passed)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().flat_map(|headers| headers.iter())
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &HeaderValue> {
        self.0.iter().flat_map(move |headers| headers.get_all(name))
    }

    /// Writes them to a request: `with_account` is false where the upstream has a key of its own, which must not be
    /// used for an account that the caller names.
    pub(crate) fn write(&self, to: &mut HeaderMap, format: &Headers, with_account: bool) {
        let [credentials, account] = [format.credentials, format.account];
        for (name, value) in self.iter() {
            let goes_with_key =
                credentials.contains(&name.as_str()) || account.contains(&name.as_str());
            if with_account || !goes_with_key {
                to.append(name, value.clone());
            }
        }
        for (name, value) in format.defaults {
            to.entry(*name).or_insert(HeaderValue::from_static(value));
        }
    }
}

/// Whether a header says who asks, or for which account.
pub(crate) fn is_identity(name: &HeaderName) -> bool {
    IDENTITY.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Headers = Headers {
        credentials: &["authorization"],
        account: &["openai-project"],
        meaning: &[],
        others: &["user-agent"],
        defaults: &[("version", "1")],
    };

    fn passed() -> Passed {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer sk-secret"),
            ("openai-project", "p"),
            ("user-agent", "test"),
            ("cookie", "c"),
            ("host", "h"),
            ("content-length", "3"),
            ("x-obs-tenant", "t"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Passed::of(&headers, &FORMAT)
    }

    #[test]
    fn only_listed_headers_go_on() {
        let names: Vec<_> = passed().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["authorization", "openai-project", "user-agent"]);
    }

    #[test]
    fn credentials_do_not_show() {
        assert!(!format!("{:?}", passed()).contains("secret"));
    }

    #[test]
    fn an_account_goes_with_its_credential_or_not_at_all() {
        let mut headers = HeaderMap::new();
        passed().write(&mut headers, &FORMAT, false);
        assert_eq!(
            headers.keys().collect::<Vec<_>>(),
            ["user-agent", "version"]
        );
    }
}
