//! The headers of a caller that go on to the provider.
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

/// Credentials: they go on only where the upstream has no key of its own.
const CREDENTIALS: [HeaderName; 2] = [header::AUTHORIZATION, API_KEY];
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// Whose account it is: these belong to the credential, and they may change the answer.
pub(crate) const ACCOUNT: [HeaderName; 2] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
];

/// What else goes on.
const OTHERS: [HeaderName; 5] = [
    header::USER_AGENT,
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-client-request-id"),
    HeaderName::from_static("idempotency-key"),
];

/// Headers that a caller gave and that may go on. Cheap to clone; credentials do not show in `Debug`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Option<Arc<HeaderMap>>);

impl Passed {
    /// Of all headers those that may go on.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut passed = HeaderMap::new();
        for name in CREDENTIALS.iter().chain(&ACCOUNT).chain(&OTHERS) {
            for value in headers.get_all(name) {
                let mut value = value.clone();
                value.set_sensitive(CREDENTIALS.contains(name));
                passed.append(name, value);
            }
        }
        Self((!passed.is_empty()).then(|| Arc::new(passed)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &http::HeaderValue)> {
        self.0.iter().flat_map(|headers| headers.iter())
    }

    pub(crate) fn get(&self, name: &HeaderName) -> Option<&http::HeaderValue> {
        self.0.as_ref()?.get(name)
    }

    /// Writes them to a request: `with_account` is false where the upstream has a key of its own, which must not be
    /// used for an account that the caller names.
    pub(crate) fn write(&self, to: &mut HeaderMap, with_account: bool) {
        for (name, value) in self.iter() {
            if with_account || !(CREDENTIALS.contains(name) || ACCOUNT.contains(name)) {
                to.append(name, value.clone());
            }
        }
    }
}

/// Whether a header says who asks, or for which account.
pub(crate) fn is_identity(name: &HeaderName) -> bool {
    CREDENTIALS.contains(name) || ACCOUNT.contains(name)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

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
        Passed::of(&headers)
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
        passed().write(&mut headers, false);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["user-agent"]);
    }
}
