//! The one table of scalar settings. The file, the environment, the flags, `--help` and the documentation are made
//! from it.
use std::{net::SocketAddr, time::Duration};

use super::{
    Cache, Log, Metrics, Prices, Router, Server, Settings, Simulated, Tenant, Timeout, parse,
};

/// One scalar setting.
pub(crate) struct Scalar {
    /// `section.key`.
    pub(crate) name: &'static str,
    /// As it would be written; `None`: unset.
    pub(crate) default: Option<&'static str>,
    /// For `--help`.
    pub(crate) about: &'static str,
    /// Has no flag, and is masked wherever it is shown.
    pub(crate) secret: bool,
    /// Reads the text into its place; the error says what is expected.
    pub(crate) set: fn(&mut Settings, &str) -> Result<(), String>,
}

impl Scalar {
    /// `OBS_SECTION_KEY`.
    pub(crate) fn variable(&self) -> String {
        format!("OBS_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// `section-key`, without the dashes in front of it.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    pub(crate) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    pub(crate) fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }
}

type Set = fn(&mut Settings, &str) -> Result<(), String>;

const fn scalar(
    name: &'static str,
    default: &'static str,
    about: &'static str,
    set: Set,
) -> Scalar {
    Scalar {
        name,
        default: Some(default),
        about,
        secret: false,
        set,
    }
}

const fn unset(name: &'static str, about: &'static str, set: Set) -> Scalar {
    Scalar {
        default: None,
        ..scalar(name, "", about, set)
    }
}

const fn secret(name: &'static str, about: &'static str, set: Set) -> Scalar {
    Scalar {
        secret: true,
        ..unset(name, about, set)
    }
}

/// In the order in which they are shown.
pub(crate) const SCALARS: &[Scalar] = &[
    scalar(
        "server.listen",
        "127.0.0.1:8080",
        "Address of the API; 0.0.0.0:8080 in a container",
        |s, v| put(&mut s.server.listen, parse::address(v)),
    ),
    scalar(
        "server.max_body",
        "10MiB",
        "Most bytes of a request's body; more is a 413",
        |s, v| put(&mut s.server.max_body, parse::size(v)),
    ),
    scalar(
        "server.drain",
        "30s",
        "For how long a shutdown waits for calls in flight",
        |s, v| put(&mut s.server.drain, parse::any_duration(v)),
    ),
    scalar(
        "server.tenant",
        "credential",
        "What keeps callers' cached answers apart: credential (divided further by x-obs-tenant), header \
         (x-obs-tenant alone, from a proxy that you trust) or shared (nothing)",
        |s, v| put(&mut s.server.tenant, parse::tenant(v)),
    ),
    scalar(
        "server.keep_alive",
        "15s",
        "After so long without an answer, and as often from then on, a stream gets a comment that keeps its \
         connection alive; or off",
        |s, v| put(&mut s.server.keep_alive, parse::duration_or_off(v)),
    ),
    scalar(
        "metrics.listen",
        "127.0.0.1:9464",
        "Address of /metrics for Prometheus; or off",
        |s, v| put(&mut s.metrics.listen, parse::address_or_off(v)),
    ),
    scalar(
        "log.level",
        "info",
        "error, warn, info, debug, trace or off; or directives such as info,obs_cache=debug",
        |s, v| put(&mut s.log.level, parse::log_level(v)),
    ),
    scalar(
        "log.format",
        "auto",
        "text, json, or auto (text on a terminal, else json)",
        |s, v| put(&mut s.log.format, parse::log_format(v)),
    ),
    scalar(
        "cache.store",
        "memory",
        "Where answers are kept: off, memory, or the URL of Redis (redis://, rediss:// for TLS, \
         redis-cluster://, redis-sentinel://), which holds them unencrypted",
        |s, v| put(&mut s.cache.store, parse::store(v)),
    ),
    scalar(
        "cache.tier",
        "true",
        "Memory in front of Redis: true or false",
        |s, v| put(&mut s.cache.tier, parse::boolean(v)),
    ),
    scalar(
        "cache.ttl",
        "1h",
        "For how long a kept answer is given",
        |s, v| put(&mut s.cache.ttl, parse::duration(v)),
    ),
    scalar(
        "cache.max_bytes",
        "256MiB",
        "Most bytes that are kept in memory",
        |s, v| put(&mut s.cache.max_bytes, parse::size(v)),
    ),
    scalar(
        "cache.max_entry",
        "1MiB",
        "Largest answer that is kept",
        |s, v| put(&mut s.cache.max_entry, parse::size(v)),
    ),
    scalar(
        "cache.redis_timeout",
        "20ms",
        "Longest that Redis may take for a look-up; slower is a miss",
        |s, v| put(&mut s.cache.redis_timeout, parse::duration(v)),
    ),
    secret(
        "cache.key",
        "Secret key of the hashes of requests and tenants, 16 characters or more; unset: a fixed one, so that \
         gateways share",
        |s, v| put(&mut s.cache.key, parse::secret(v).map(Some)),
    ),
    scalar(
        "router.policy",
        "complexity",
        "Who decides where `auto` goes: complexity (rules on the structure of the prompt) or default (always \
         the default route)",
        |s, v| put(&mut s.router.policy, parse::policy(v)),
    ),
    scalar(
        "router.threshold",
        "0.5",
        "Score from which on a prompt is hard, 0 to 1; lower sends more to the premium route",
        |s, v| put(&mut s.router.threshold, parse::share(v)),
    ),
    unset(
        "router.default",
        "Route that is taken when the policy fails; unset: the last one",
        |s, v| put(&mut s.router.default, parse::name(v).map(Some)),
    ),
    unset(
        "router.baseline",
        "Route that savings are measured against; unset: the last one",
        |s, v| put(&mut s.router.baseline, parse::name(v).map(Some)),
    ),
    scalar(
        "router.commit",
        "first-content",
        "Up to where a streamed answer can still be replaced by another route's: first-content, complete, a \
         time such as 500ms, or a number such as 20tokens; later is safer and slower to begin",
        |s, v| put(&mut s.router.commit, parse::commit(v)),
    ),
    scalar(
        "router.retries",
        "1",
        "How often a route is asked again after a failure that may pass, before the next one is; 0 to 10",
        |s, v| put(&mut s.router.retries, parse::number(v, 10)),
    ),
    scalar(
        "router.breaker_failures",
        "5",
        "After so many failures in a row a route is left out for a while, and then tried by single calls; 0 for never",
        |s, v| put(&mut s.router.breaker_failures, parse::number(v, 1000)),
    ),
    scalar(
        "router.breaker_rest",
        "5s",
        "For how long a failing route is left out at first; doubled with each trial that fails, up to four times",
        |s, v| put(&mut s.router.breaker_rest, parse::duration(v)),
    ),
    unset(
        "router.cheap_model",
        "Model of the route `cheap` where no `[[routes]]` are given; unset: gpt-6-luna, or the simulated one",
        |s, v| put(&mut s.router.cheap_model, parse::model(v).map(Some)),
    ),
    unset(
        "router.premium_model",
        "Model of the route `premium` where no `[[routes]]` are given; unset: gpt-6.1-sol, or the simulated one",
        |s, v| put(&mut s.router.premium_model, parse::model(v).map(Some)),
    ),
    scalar(
        "timeout.total",
        "300s",
        "The whole call, to its last token; it is late then",
        |s, v| put(&mut s.timeout.total, parse::duration(v)),
    ),
    scalar(
        "timeout.grace",
        "5s",
        "What a late call may still take before it is cut with a 504",
        |s, v| put(&mut s.timeout.grace, parse::any_duration(v)),
    ),
    scalar(
        "timeout.connect",
        "2s",
        "Until a provider has taken the connection",
        |s, v| put(&mut s.timeout.connect, parse::duration(v)),
    ),
    scalar(
        "timeout.first_token",
        "60s",
        "Until the first token of a stream; or off",
        |s, v| put(&mut s.timeout.first_token, parse::duration_or_off(v)),
    ),
    scalar(
        "timeout.first_token_with_fallback",
        "10s",
        "Until the first token of a stream while another route is left; or off",
        |s, v| {
            put(
                &mut s.timeout.first_token_with_fallback,
                parse::duration_or_off(v),
            )
        },
    ),
    scalar(
        "timeout.idle",
        "20s",
        "Between two tokens of a stream; or off",
        |s, v| put(&mut s.timeout.idle, parse::duration_or_off(v)),
    ),
    unset(
        "timeout.attempt",
        "One plain answer of one route; unset: what is left of the call, shared among the routes that are left",
        |s, v| put(&mut s.timeout.attempt, parse::duration(v).map(Some)),
    ),
    scalar(
        "timeout.hedge_after",
        "off",
        "After so long without its first token a stream is asked for a second time, for at most one in twenty calls, and the slower one dropped; or off",
        |s, v| put(&mut s.timeout.hedge_after, parse::duration_or_off(v)),
    ),
    unset(
        "prices.file",
        "Your own prices, over the bundled ones: JSON in LiteLLM's format",
        |s, v| {
            put(
                &mut s.prices.file,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    scalar(
        "simulated.latency",
        "1.0",
        "How slow the simulated provider is: 1 as a real one, 0 not at all",
        |s, v| put(&mut s.simulated.latency, parse::factor(v)),
    ),
];

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// Where a name stands in [`SCALARS`].
pub(crate) fn position(name: &str) -> Option<usize> {
    SCALARS.iter().position(|scalar| scalar.name == name)
}

/// Every scalar at its default; providers and routes are empty still.
pub(super) fn defaults() -> Settings {
    let mut settings = Settings {
        server: Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_body: 0,
            drain: Duration::ZERO,
            tenant: Tenant::default(),
            keep_alive: None,
        },
        metrics: Metrics::default(),
        log: Log::default(),
        cache: Cache::default(),
        router: Router::default(),
        timeout: Timeout::default(),
        prices: Prices::default(),
        simulated: Simulated::default(),
        providers: Vec::new(),
        routes: Vec::new(),
    };
    for scalar in SCALARS {
        if let Some(default) = scalar.default {
            (scalar.set)(&mut settings, default).expect("a test reads every default");
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_own_parser_takes() {
        let _ = defaults();
        for scalar in SCALARS {
            assert!(scalar.name.split('.').count() == 2, "{}", scalar.name);
            assert!(
                !(scalar.secret && scalar.default.is_some()),
                "{}",
                scalar.name
            );
        }
    }

    #[test]
    fn the_readme_lists_every_setting_as_it_is() {
        let readme = include_str!("../../README.md");
        for scalar in SCALARS {
            let Scalar { name, about, .. } = scalar;
            let default = scalar
                .default
                .map(|default| format!("`{default}`"))
                .unwrap_or_default();
            let row = format!("| `{name}` | {default} | {about} |");
            assert!(
                readme.contains(&row),
                "the README should have this row:\n{row}"
            );
        }
    }

    #[test]
    fn names_variables_and_flags_are_all_different() {
        let of = |f: fn(&Scalar) -> String| {
            let all: std::collections::BTreeSet<_> = SCALARS.iter().map(f).collect();
            assert_eq!(all.len(), SCALARS.len());
        };
        of(Scalar::variable);
        of(Scalar::flag);
    }
}
