//! Who asks: cached answers are kept apart by it.
use std::sync::Arc;

use http::HeaderMap;
use obs_core::Fingerprint;

use crate::invalid::{InvalidHeader, name};

/// Where callers send their credentials.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

const HEADER: &str = "x-obs-tenant";

/// The tenant of a request, for its extensions: what an application has found out itself stands over [`TenantBy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(pub Arc<str>);

/// What tells the tenants of an endpoint apart, whose cached answers are never shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantBy {
    /// A hash of the caller's credential (`Authorization`, `x-api-key`, `api-key`). Callers without one are one tenant. The
    /// header `x-obs-tenant`, which anyone can write, only divides further.
    #[default]
    Credential,
    /// The header `x-obs-tenant`, written by a proxy that is trusted and that nobody can go around.
    Header,
    /// All callers are one tenant: each may be given what another has asked.
    Shared,
}

impl TenantBy {
    pub(crate) fn of(self, headers: &HeaderMap) -> Result<Arc<str>, InvalidHeader> {
        let divided = name(headers, HEADER)?;
        let mut hash = Fingerprint::new();
        hash.field("of", b"tenant");
        match self {
            Self::Shared => return Ok("shared".into()),
            Self::Header => {}
            Self::Credential => {
                for name in CREDENTIALS {
                    for value in headers.get_all(name) {
                        hash.field(name, value.as_bytes());
                    }
                }
            }
        }
        hash.optional(HEADER, divided.as_deref().map(str::as_bytes));
        let mut hex = hash.finish().to_string();
        hex.truncate(32);
        Ok(hex.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(by: TenantBy, headers: &[(&'static str, &'static str)]) -> Arc<str> {
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, http::HeaderValue::from_static(value))
        });
        by.of(&headers.collect()).expect("these are fine")
    }

    #[test]
    fn credentials_are_kept_apart_and_not_told() {
        let by = TenantBy::Credential;
        let one = of(by, &[("authorization", "Bearer one")]);
        assert_ne!(one, of(by, &[("authorization", "Bearer two")]));
        assert_ne!(one, of(by, &[("x-api-key", "Bearer one")]));
        assert_ne!(one, of(by, &[]));
        assert_eq!(
            one,
            of(by, &[("authorization", "Bearer one"), ("accept", "a")])
        );
        assert!(!one.contains("one"));
    }

    #[test]
    fn a_header_divides_a_credential_and_is_nobody_elses() {
        let (by, key) = (TenantBy::Credential, ("authorization", "Bearer one"));
        let acme = of(by, &[key, ("x-obs-tenant", "acme")]);
        assert_ne!(acme, of(by, &[key]));
        assert_ne!(acme, of(by, &[("x-obs-tenant", "acme")]));
    }

    #[test]
    fn behind_a_proxy_only_its_header_counts() {
        let (by, acme) = (TenantBy::Header, ("x-obs-tenant", "acme"));
        assert_eq!(
            of(by, &[acme]),
            of(by, &[acme, ("authorization", "Bearer one")])
        );
        assert_ne!(of(by, &[acme]), of(by, &[]));
    }

    #[test]
    fn the_shared_tenant_is_one() {
        let by = TenantBy::Shared;
        assert_eq!(of(by, &[("x-obs-tenant", "acme")]), of(by, &[]));
    }
}
