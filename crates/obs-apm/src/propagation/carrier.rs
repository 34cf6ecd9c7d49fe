//! HTTP headers to write to.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::Injector;

/// HTTP headers to write to; what is no header is left out.
pub(super) struct Headers<'a>(pub(super) &'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        // UTF-8 is allowed in headers, and tenants may have it in their names.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
