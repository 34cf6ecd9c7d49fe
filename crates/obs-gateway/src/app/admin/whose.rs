//! Whose answers an operator means.
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::which;
use crate::{app::App, headers::Asked, refusal::Refusal};

/// A tenant, in one of two ways.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Whose {
    /// As the log of calls names it.
    tenant: Option<String>,
    /// The headers that its caller sends: its credential, and `x-obs-tenant`.
    headers: BTreeMap<String, String>,
    /// The name of its virtual key.
    key: Option<String>,
}

impl Whose {
    /// Reads `tenant=NAME`.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, Refusal> {
        let expected = || {
            let message =
                "expected one parameter: tenant=NAME, the tenant as the log of calls names it";
            Refusal::bad(message).param("tenant")
        };
        let name = query.and_then(|query| query.strip_prefix("tenant="));
        let name = name.filter(|name| !name.is_empty() && !name.contains('&'));
        let decoded = percent_decode_str(name.ok_or_else(expected)?).decode_utf8();
        let tenant = Some(decoded.map_err(|_| expected())?.into_owned());
        Ok(Self {
            tenant,
            ..Self::default()
        })
    }

    pub(super) fn is_nobody(&self) -> bool {
        self.tenant.is_none() && self.headers.is_empty() && self.key.is_none()
    }
}

impl App {
    /// The name of a tenant.
    pub(super) fn tenant_of(&self, whose: Whose) -> Result<String, Refusal> {
        let is_described = whose.key.is_some() || !whose.headers.is_empty();
        match whose.tenant {
            Some(_) if is_described => {
                let message = "`tenant` names all of it: leave `headers` and `key` out";
                Err(Refusal::bad(message).param("tenant"))
            }
            Some(tenant) => Ok(tenant),
            None => {
                let headers = which::headers(&whose.headers)?;
                let mut asked = Asked::read(&headers)?;
                if let Some(keys) = &self.keys {
                    asked.caller = Some(keys.named(whose.key.as_deref())?);
                }
                Ok(self.tenant(&headers, &asked).to_string())
            }
        }
    }
}
