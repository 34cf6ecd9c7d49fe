//! Who asks: callers' cached answers are kept apart by it.
use std::sync::Arc;

use http::HeaderMap;
use obs_core::{Fingerprint, FingerprintSecret};

use crate::settings::Tenant;

/// Where callers send their credentials.
pub(crate) const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

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
        let mut hash = self.hash();
        if self.by == Tenant::Credential {
            for name in CREDENTIALS {
                for value in headers.get_all(name) {
                    hash.field(name, value.as_bytes());
                }
            }
        }
        // `x-obs-tenant` can be written by anyone: beside a credential it only divides further.
        hash.optional("x-obs-tenant", divided.map(str::as_bytes));
        short(&hash).into()
    }

    /// The tenant of a key. Its name holds no slash, so that no division is another's name.
    pub(crate) fn of_key(&self, tenant: &str, divided: Option<&str>) -> Arc<str> {
        let Some(divided) = divided else {
            return tenant.into();
        };
        let mut hash = self.hash();
        hash.field("x-obs-tenant", divided.as_bytes());
        format!("{tenant}/{}", short(&hash)).into()
    }

    fn hash(&self) -> Fingerprint {
        let mut hash = match &self.secret {
            Some(secret) => Fingerprint::with_secret(secret),
            None => Fingerprint::new(),
        };
        hash.field("of", b"tenant");
        hash
    }
}

fn short(hash: &Fingerprint) -> String {
    let mut hex = hash.finish().to_string();
    hex.truncate(32);
    hex
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
    fn the_tenant_of_a_key_is_its_name_and_is_divided_further() {
        let tenants = Tenants::new(Tenant::Credential, None);
        let of = |divided| tenants.of_key("mobile", divided);
        assert_eq!(&*of(None), "mobile");
        assert!(of(Some("a")).starts_with("mobile/") && of(Some("a")) != of(Some("b")));
        assert_ne!(of(Some("a")), tenants.of_key("web", Some("a")));
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
