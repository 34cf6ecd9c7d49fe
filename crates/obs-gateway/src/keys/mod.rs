//! Virtual keys: who calls, what it may ask for, how often, and how much it may spend.
mod issue;
mod others;

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, StatusCode, header};
use obs_budget::{Budget, Budgets, Exhausted, Unit, Window};
use obs_core::AttemptListener;

pub(crate) use self::issue::issue;
use crate::{
    api::Api,
    clock::WallClock,
    names::{AUTO, Named, Names},
    refusal::Refusal,
    settings::{Settings, VirtualKey},
    tenant::CREDENTIALS,
};

/// All keys. Only their hashes are known.
#[derive(Debug)]
pub(crate) struct Keys {
    /// A look-up by a hash tells nobody anything by its time: who could choose the hash would know the key.
    by_hash: HashMap<[u8; 32], Arc<Key>>,
    budgets: Budgets,
    clock: WallClock,
}

/// What one key is good for.
#[derive(Debug)]
struct Key {
    of: VirtualKey,
    tenant: Arc<str>,
    /// The routes that may answer it; `None`: all of them.
    routes: Option<Arc<[Arc<str>]>>,
}

/// Who calls, known by its key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    key: Arc<Key>,
    budgets: Budgets,
}

impl Keys {
    pub(crate) fn new(settings: &Settings, budgets: &Budgets, clock: &WallClock) -> Self {
        let key = |of: &VirtualKey| {
            budgets.limit(&of.name, limits(of));
            let tenant = of.tenant.clone().unwrap_or_else(|| of.name.clone());
            let (of, routes) = (of.clone(), allowed(of, settings));
            (of.hash, Arc::new(Key { of, tenant, routes }))
        };
        Self {
            by_hash: settings.keys.iter().map(key).collect(),
            budgets: budgets.clone(),
            clock: clock.clone(),
        }
    }

    /// Who has the key of this name.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<Caller, Refusal> {
        let mut keys = self.by_hash.values();
        let found = name.and_then(|name| keys.find(|key| *key.of.name == *name));
        let Some(key) = found else {
            let message =
                "expected `key`, the name of a virtual key: its answers are those of its tenant";
            return Err(Refusal::bad(message).param("key"));
        };
        Ok(Caller {
            key: key.clone(),
            budgets: self.budgets.clone(),
        })
    }

    /// Who sends this. Its credentials are taken off: no provider is to see them.
    pub(crate) fn caller(&self, headers: &mut HeaderMap) -> Result<Caller, Refusal> {
        let mut found = None;
        let mut sent = false;
        for name in CREDENTIALS {
            for value in headers.get_all(name) {
                sent = true;
                let hash = blake3::hash(secret(name, value.as_bytes()));
                found = found.or_else(|| self.by_hash.get(hash.as_bytes()));
            }
        }
        for name in CREDENTIALS {
            headers.remove(name);
        }
        let Some(key) = found else {
            return Err(Refusal::unauthorized(match sent {
                true => "the key is not known here",
                false => "there is no key: send it as `authorization: Bearer …`, or as `x-api-key`",
            }));
        };
        if key.of.expires.is_some_and(|end| self.clock.now() >= end) {
            let message = format!("the key {:?} has expired", key.of.name);
            return Err(Refusal::unauthorized(message));
        }
        Ok(Caller {
            key: key.clone(),
            budgets: self.budgets.clone(),
        })
    }
}

impl Caller {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.key.of.name
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.key.tenant
    }

    /// The routes that may answer it; `None`: all of them.
    pub(crate) fn routes(&self) -> Option<&Arc<[Arc<str>]>> {
        self.key.routes.as_ref()
    }

    /// Counts a request, unless a limit is reached.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        self.budgets
            .admit(self.name())
            .map_err(|used_up| spent(&used_up))
    }

    /// Charges what attempts cost.
    pub(crate) fn payer(&self) -> Arc<dyn AttemptListener> {
        self.budgets.payer(self.name())
    }

    /// Whether it may ask for this name.
    fn may_ask(&self, model: &str) -> bool {
        names(&self.key.of, model)
    }

    /// Refuses what it may not ask for.
    pub(crate) fn check(
        &self,
        api: Api,
        model: &str,
        named: Named,
        names: &Names,
    ) -> Result<(), Refusal> {
        let routes = names.routes();
        let allowed = match named {
            // The policy chooses among them.
            Named::Auto => {
                let mut here = routes.iter().filter(|of| of.speaks(api));
                let chosen = |name: &str| match &self.key.routes {
                    None => true,
                    Some(known) => known.iter().any(|known| **known == *name),
                };
                here.any(|of| chosen(&of.name))
            }
            Named::Route(at) => may_take(&self.key.of, &routes[at].name, &routes[at].model),
            Named::Other => self.may_ask(model),
        };
        if allowed {
            return Ok(());
        }
        Err(self.not_allowed(model))
    }

    fn not_allowed(&self, model: &str) -> Refusal {
        let known = self.key.of.models.as_deref().unwrap_or_default();
        let known = known.join(", ");
        let message = format!(
            "the key {:?} may not use the model `{model}`: it may use {known}",
            self.name()
        );
        let refusal = Refusal::new(StatusCode::FORBIDDEN, message);
        refusal.param("model").code("model_not_allowed")
    }

    /// Refuses other models that a body names for its provider to take in place of the one that is asked for.
    pub(crate) fn check_others(&self, body: &[u8]) -> Result<(), Refusal> {
        if self.key.of.models.is_none() {
            return Ok(());
        }
        match others::named(body) {
            Ok(named) => match named.iter().find(|model| !self.may_ask(model)) {
                Some(model) => Err(self.not_allowed(model)),
                None => Ok(()),
            },
            Err(field) => {
                let message = format!(
                    "{field}: the key {:?} may not use every model: expected a list of their names",
                    self.name()
                );
                let refusal = Refusal::new(StatusCode::FORBIDDEN, message).param(field);
                Err(refusal.code("model_not_allowed"))
            }
        }
    }

    /// Refuses endpoints that are passed on as they are: nobody knows what they cost.
    pub(crate) fn check_other(&self) -> Result<(), Refusal> {
        if self.key.of.other_endpoints {
            return Ok(());
        }
        let message = format!(
            "the key {:?} may not use this endpoint: only chat completions, responses, messages, embeddings and models",
            self.name()
        );
        Err(Refusal::new(StatusCode::FORBIDDEN, message).code("endpoint_not_allowed"))
    }
}

/// The routes that may answer a key, by name; `None`: all of them.
pub(crate) fn allowed(key: &VirtualKey, settings: &Settings) -> Option<Arc<[Arc<str>]>> {
    let routes = &settings.routes;
    // Who may ask for `auto` by its name leaves the choice to the policy.
    if names(key, AUTO) {
        return None;
    }
    let of = routes
        .iter()
        .filter(|of| may_take(key, &of.name, &of.model));
    let of: Arc<[_]> = of.map(|of| of.name.clone()).collect();
    (of.len() < routes.len()).then_some(of)
}

/// Whether it may ask for this name.
fn names(key: &VirtualKey, name: &str) -> bool {
    let models = key.models.as_ref();
    models.is_none_or(|models| models.iter().any(|known| **known == *name))
}

/// A route is allowed by its name, or by that of its model.
fn may_take(key: &VirtualKey, route: &str, model: &str) -> bool {
    names(key, route) || names(key, model)
}

/// The key in the value of a header.
fn secret<'a>(header: &str, value: &'a [u8]) -> &'a [u8] {
    let scheme = value.split_at_checked(7).filter(|(scheme, _)| {
        header == header::AUTHORIZATION.as_str() && scheme.eq_ignore_ascii_case(b"bearer ")
    });
    scheme.map_or(value, |(_, key)| key).trim_ascii()
}

fn limits(of: &VirtualKey) -> impl Iterator<Item = Budget> {
    let requests = of.requests_per_minute;
    let requests = requests.map(|most| Budget::requests(most, Window::MINUTE));
    let hour = of
        .usd_per_hour
        .map(|most| Budget::dollars(most, Window::HOUR));
    let day = of
        .usd_per_day
        .map(|most| Budget::dollars(most, Window::DAY));
    [requests, hour, day].into_iter().flatten()
}

fn spent(used_up: &Exhausted) -> Refusal {
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, used_up.to_string());
    let refusal = refusal.retry_after(used_up.retry_after());
    refusal.code(match used_up.unit() {
        Unit::Usd => "insufficient_quota",
        Unit::Requests => "rate_limit_exceeded",
    })
}
