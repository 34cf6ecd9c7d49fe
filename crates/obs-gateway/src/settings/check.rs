//! What settings must be to each other.
use std::collections::BTreeSet;

use super::{Format, Problems, Provider, Route, Settings, Store, problem::did_you_mean};
use crate::api::Api;

/// Most routes that a router has.
const ROUTES: usize = 64;

/// No two have one name.
pub(super) fn providers(given: &[(String, Provider)], problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (place, provider) in given {
        if !seen.insert(&provider.name) {
            problems.add(
                place.as_str(),
                format!("another provider is named {:?}", provider.name),
            );
        }
    }
}

/// No two have one name, and what they name is there.
pub(super) fn routes(given: &[(String, Route)], providers: &[Provider], problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    let names = || given.iter().map(|(_, route)| &*route.name);
    for (place, route) in given {
        let name = &route.name;
        let place = place.as_str();
        if !seen.insert(name) {
            problems.add(place, format!("another route is named {name:?}"));
        }
        if let Some(provider) = &route.provider
            && !providers.iter().any(|p| p.name == *provider)
        {
            let known = || providers.iter().map(|p| &*p.name);
            problems.add(
                place,
                format!("route {name:?}: {}", unknown("provider", provider, known)),
            );
        }
        for fallback in &route.fallback {
            if !names().any(|name| *name == **fallback) {
                problems.add(
                    place,
                    format!("route {name:?}: {}", unknown("route", fallback, names)),
                );
            } else if fallback == name {
                problems.add(place, format!("route {name:?} is its own fallback"));
            } else if let Some((_, next)) = given.iter().find(|(_, next)| next.name == *fallback)
                && !share_an_api(route, next, providers)
            {
                problems.add(
                    place,
                    format!(
                        "route {name:?}: the provider of its fallback {fallback:?} has another format, and nothing is translated"
                    ),
                );
            }
        }
    }
    if let Some((place, _)) = given.get(ROUTES) {
        problems.add(
            place.as_str(),
            format!("there are more than {ROUTES} routes"),
        );
    }
}

/// Whether the providers of two routes understand the same requests. What is not known is told elsewhere.
fn share_an_api(one: &Route, other: &Route, providers: &[Provider]) -> bool {
    let format = |route: &Route| {
        let mut all = providers.iter();
        match &route.provider {
            Some(name) => all.find(|provider| provider.name == *name),
            None => all.next(),
        }
        .map(|provider| provider.format)
    };
    let (Some(one), Some(other)) = (format(one), format(other)) else {
        return true;
    };
    let mut all = Api::ALL.into_iter();
    all.any(|api| api.is_spoken(one) && api.is_spoken(other))
}

/// The routes that the scalars name are there.
pub(super) fn named_routes(settings: &Settings, problems: &mut Problems) {
    let known = || settings.routes.iter().map(|route| &*route.name);
    let named = [
        ("router.default", &settings.router.default),
        ("router.baseline", &settings.router.baseline),
    ];
    for (setting, name) in named {
        if let Some(name) = name
            && !known().any(|known| known == name)
        {
            problems.add(setting, unknown("route", name, known));
        }
    }
}

/// A certificate is of no use without its key, nor the key alone.
pub(super) fn certificate(settings: &Settings, problems: &mut Problems) {
    let of = &settings.server;
    let lone = match (&of.tls_cert, &of.tls_key) {
        (Some(_), None) => "server.tls_cert",
        (None, Some(_)) => "server.tls_key",
        _ => return,
    };
    problems.add(
        lone,
        "stands alone: set server.tls_cert and server.tls_key, or neither",
    );
}

/// API and metrics are not at one address.
pub(super) fn addresses(settings: &Settings, problems: &mut Problems) {
    let api = settings.server.listen;
    if settings.metrics.listen == Some(api) && api.port() != 0 {
        problems.add(
            "metrics.listen",
            format!("is {api}, which server.listen takes: take another port"),
        );
    }
}

fn unknown<'a, I: Iterator<Item = &'a str>>(
    what: &str,
    name: &str,
    known: impl Fn() -> I,
) -> String {
    let hint = did_you_mean(name, known());
    let all = known().collect::<Vec<_>>().join(", ");
    format!("there is no {what} {name:?}{hint}: expected one of {all}")
}

/// Times that are learned lie between their bounds, and keys are for what leaves the process.
pub(super) fn cache(settings: &Settings, problems: &mut Problems, warnings: &mut Vec<String>) {
    let of = &settings.cache;
    let fresh = &of.freshness;
    if fresh.adaptive_floor > fresh.adaptive_ceiling {
        let message = format!(
            "is {:?}, above cache.adaptive_ceiling = {:?}: the floor is the lower one",
            fresh.adaptive_floor, fresh.adaptive_ceiling
        );
        problems.add("cache.adaptive_floor", message);
    }
    if !matches!(of.store, Store::Redis(_)) {
        let only_with_redis = [
            ("cache.seal_key", of.seal.key.is_some()),
            ("cache.lease", fresh.lease.is_some()),
            ("cache.invalidation", fresh.invalidation),
        ];
        for (name, _) in only_with_redis.iter().filter(|(_, is_set)| *is_set) {
            warnings.push(format!(
                "{name} has no effect: answers are not kept in Redis"
            ));
        }
    } else if fresh.invalidation && !of.tier {
        warnings
            .push("cache.invalidation has no effect: there is no memory in front of Redis".into());
    }
}

/// Comparisons are the operator's, and so should be the credentials that they are paid with.
pub(super) fn comparisons(settings: &Settings, warnings: &mut Vec<String>) {
    // The credentials of virtual keys go nowhere.
    if settings.router.shadow_share <= 0.0 || !settings.keys.is_empty() {
        return;
    }
    let mut apis = Api::ALL.into_iter();
    let is_spoken = |api: &Api| settings.providers.iter().any(|p| api.is_spoken(p.format));
    let Some(api) = apis.find(is_spoken) else {
        return;
    };
    let here = settings.routes.iter();
    let mut here = here.filter(|route| api.has_route(settings, route.provider.as_deref()));
    let compared = [here.next(), here.next_back()];
    let named = compared
        .into_iter()
        .flatten()
        .filter_map(|route| match &route.provider {
            Some(name) => settings
                .providers
                .iter()
                .find(|provider| provider.name == *name),
            None => settings.providers.first(),
        });
    let bare =
        |provider: &&Provider| provider.format != Format::Simulated && provider.api_key.is_none();
    let bare: BTreeSet<_> = named.filter(bare).map(|provider| &*provider.name).collect();
    for name in bare {
        warnings.push(format!(
            "router.shadow_share: the provider {name:?} has no key of its own: comparisons are asked, and may be paid, with the \
             credentials of callers"
        ));
    }
}
