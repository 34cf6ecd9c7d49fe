//! Who asks: callers' cached answers are kept apart by it.
use std::sync::Arc;

use http::HeaderMap;
use obs_core::{Fingerprint, FingerprintSecret};

use crate::settings::Tenant;

/// Where callers send their credentials.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// What tenants are made of.
#[derive(Clone, Debug)]
pub(crate) struct Tenants {
    by: Tenant,
    secret: Option<FingerprintSecret>,
}

impl Tenants {
    pub(crate) fn new(by: Tenant, secret: Option<FingerprintSecret>) -> Self {
        Self { by, secret }
    }

    /// The tenant of a request: a keyed hash, so that no credential is in a log, a key or a metric. Callers that send
    /// no credential are one tenant of their own.
    pub(crate) fn of(&self, headers: &HeaderMap, divided: Option<&str>) -> Arc<str> {
        if self.by == Tenant::Shared {
            return "shared".into();
        }
        let mut hash = match &self.secret {
            Some(secret) => Fingerprint::with_secret(secret),
            None => Fingerprint::new(),
        };
        hash.field("of", b"tenant");
        if self.by == Tenant::Credential {
            for name in CREDENTIALS {
                for value in headers.get_all(name) {
                    hash.field(name, value.as_bytes());
                }
            }
        }
        // `x-obs-tenant` can be written by anyone: beside a credential it only divides further.
        hash.optional("x-obs-tenant", divided.map(str::as_bytes));
        let mut hex = hash.finish().to_string();
        hex.truncate(32);
        hex.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn every_credential_and_every_division_is_a_tenant_of_its_own() {
        let tenants = Tenants::new(Tenant::Credential, None);
        let all = [
            tenants.of(&headers(&[]), None),
            tenants.of(&headers(&[]), Some("a")),
            tenants.of(&headers(&[("authorization", "a")]), None),
            tenants.of(&headers(&[("x-api-key", "a")]), None),
            tenants.of(&headers(&[("api-key", "a")]), None),
            tenants.of(&headers(&[("authorization", "b")]), None),
            tenants.of(&headers(&[("authorization", "a")]), Some("a")),
            tenants.of(&headers(&[("authorization", "a")]), Some("")),
            tenants.of(&headers(&[("authorization", "a"), ("api-key", "a")]), None),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
            assert!(!one.contains("Bearer") && one.len() == 32);
        }
    }

    #[test]
    fn behind_a_trusted_proxy_the_header_alone_counts() {
        let tenants = Tenants::new(Tenant::Header, None);
        let one = tenants.of(&headers(&[("authorization", "a")]), Some("t"));
        assert_eq!(
            one,
            tenants.of(&headers(&[("authorization", "b")]), Some("t"))
        );
        assert_ne!(one, tenants.of(&headers(&[("authorization", "a")]), None));
    }

    #[test]
    fn a_secret_makes_other_hashes() {
        let secret = FingerprintSecret::new(b"secret");
        let with = Tenants::new(Tenant::Credential, Some(secret));
        let without = Tenants::new(Tenant::Credential, None);
        assert_ne!(
            with.of(&headers(&[]), None),
            without.of(&headers(&[]), None)
        );
    }
}
