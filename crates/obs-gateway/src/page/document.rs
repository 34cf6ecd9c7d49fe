//! What the page reads: `/live.json`. Sums are those of the layers' own ledgers, the same as in the metrics.
use std::time::Duration;

use obs_apm::{ApmLayer, Stats, Status};
use obs_core::Usd;
use obs_router::{OTHER, Reason, RouteStats};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::seen::{Ended, Look};
use crate::{
    outcomes::verdicts::Tally,
    settings::{Format, Settings},
    stack::Figures,
};

/// Where it is read from.
pub(super) struct Document<'a> {
    pub(super) settings: &'a Settings,
    pub(super) figures: &'a Figures,
    pub(super) problems: Status,
    /// Seconds since 1970.
    pub(super) now: f64,
    pub(super) up: Duration,
}

/// One of the last calls.
#[derive(Serialize)]
struct Recent<'a> {
    /// Seconds since 1970 when it ended.
    at: f64,
    #[serde(flatten)]
    call: &'a Ended,
}

impl Document<'_> {
    pub(super) fn write(&self, seen: Look<'_>) -> Value {
        let recent = seen.recent.iter().map(|(ago, call)| Recent {
            at: self.now - ago,
            call,
        });
        json!({
            "gateway": self.gateway(),
            "calls": self.calls(),
            "money": self.money(),
            "latency": seen.last_minute,
            "routes": self.routes(),
            "cache": self.cache(),
            "timeouts": self.timeouts(),
            "breakers": self.breakers(),
            "history": seen.history,
            "recent": recent.collect::<Vec<_>>(),
        })
    }

    fn gateway(&self) -> Value {
        let problems = match &self.problems {
            Status::Degraded(problems) => problems.iter().map(ToString::to_string).collect(),
            Status::Active | Status::Disabled => Vec::new(),
        };
        let providers = &self.settings.providers;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "api": self.settings.server.listen,
            "now": self.now,
            "up_seconds": self.up.as_secs(),
            "simulated": providers.iter().all(|of| of.format == Format::Simulated),
            "problems": problems,
        })
    }

    fn calls(&self) -> Value {
        let all: Vec<_> = self.figures.apms.iter().map(ApmLayer::stats).collect();
        let sum = |of: fn(&Stats) -> u64| all.iter().map(of).sum::<u64>();
        json!({
            "success": sum(|of| of.success), "error": sum(|of| of.error), "timeout": sum(|of| of.timeout),
            "cancelled": sum(|of| of.cancelled), "in_flight": sum(|of| of.in_flight),
            "attempts": sum(|of| of.attempts),
        })
    }

    fn money(&self) -> Value {
        let apms: Vec<_> = self.figures.apms.iter().map(ApmLayer::stats).collect();
        let known: Usd = apms.iter().map(|of| of.paid.known).sum();
        let unknown: u32 = apms.iter().map(|of| of.paid.unknown).sum();
        let estimated: Usd = apms.iter().map(|of| of.estimated).sum();
        let cache = self.figures.cache.as_ref().map(|of| of.stats());
        let routers = self.figures.routers.iter().map(|of| of.stats().saved());
        let by_router = routers.reduce(|one, other| one + other);
        json!({
            "paid_usd": known, "unknown_attempts": unknown, "estimated_usd": estimated,
            "saved_by_cache_usd": cache.map(|of| of.saved),
            // losses taken off: it can be negative
            "saved_by_router_usd": by_router,
            // what callers said of the answers that they got
            "judged": judged(self.figures.verdicts.given()),
        })
    }

    fn routes(&self) -> Value {
        let routers = self.figures.routers.iter();
        let routes: Vec<_> = routers.flat_map(|of| of.stats().routes).collect();
        let of = &self.settings.router;
        let baseline = of.baseline.as_deref();
        let baseline = baseline.or(self.settings.routes.last().map(|route| &*route.name));
        let model = |name: &str| {
            let mut routes = self.settings.routes.iter();
            routes.find(|of| *of.name == *name).map(|of| &of.model)
        };
        // What passed through without a route is shown once there was some.
        let shown = routes.iter();
        let shown = shown.filter(|of| *of.route != *OTHER || of.calls() + of.attempts > 0);
        shown
            .map(|route| {
                json!({
                    "name": route.route, "model": model(&route.route),
                    "baseline": baseline == Some(&*route.route),
                    "calls": route.calls(), "reasons": reasons(route),
                    "attempts": route.attempts, "retries": route.retries, "errors": route.errors,
                    "saved_usd": route.saved, "lost_usd": route.lost,
                    "judged": judged(self.figures.verdicts.of(&route.route)),
                })
            })
            .collect()
    }

    fn cache(&self) -> Value {
        let Some(cache) = &self.figures.cache else {
            return Value::Null;
        };
        let of = cache.stats();
        let memory = self.figures.memory.as_ref().map(|of| of.stats());
        let stores = [
            memory.map(|_| "memory"),
            self.figures.redis.as_ref().map(|_| "redis"),
        ];
        json!({
            "stores": stores.into_iter().flatten().collect::<Vec<_>>(),
            "hits": of.hits, "stale": of.stale, "coalesced": of.coalesced, "misses": of.misses,
            "bypassed": of.bypassed, "hit_rate": of.hit_rate(), "store_faults": of.store_faults,
            "entries": memory.map(|of| of.entries), "bytes": memory.map(|of| of.bytes),
            "evictions": memory.map(|of| of.evictions), "negative": of.negative,
            // why each learned time to live is what it is, in words
            "ttls": of.ttls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    fn timeouts(&self) -> Value {
        let of = self.figures.timeout.stats();
        let limits = &self.settings.timeout;
        json!({
            "total_seconds": limits.total.as_secs_f64(), "grace_seconds": limits.grace.as_secs_f64(),
            "successes": of.successes, "failures": of.failures, "cancelled": of.cancelled, "late": of.late,
            "rate": of.rate(), "second_attempts": self.second_attempts(),
        })
    }

    /// `null`: none are made.
    fn second_attempts(&self) -> Value {
        let Some(hedge) = &self.figures.hedge else {
            return Value::Null;
        };
        let of = hedge.stats();
        let refused = of.refused.iter().sum::<u64>();
        json!({"started": of.started, "won": of.won, "refused": refused})
    }

    fn breakers(&self) -> Value {
        let redis = self.figures.redis.iter().map(|of| {
            let of = of.stats();
            json!({"of": "redis", "state": of.breaker.as_str(), "opened": of.opened, "writes_dropped": of.dropped})
        });
        let routes = self.figures.routers.iter().flat_map(|of| of.stats().routes);
        let routes = routes
            .filter(|of| *of.route != *OTHER)
            .map(|of| json!({"of": "route", "name": &*of.route, "state": of.breaker.as_str()}));
        redis.chain(routes).collect()
    }
}

/// How many answers were judged, and the part that was found good with its 95 % interval; `null`: none.
fn judged(of: Tally) -> Value {
    let Some((good, (low, high))) = of.share() else {
        return Value::Null;
    };
    json!({"answers": of.all(), "good": good, "low": low, "high": high})
}

/// Those that have occurred.
fn reasons(route: &RouteStats) -> Map<String, Value> {
    let all = Reason::ALL.iter().map(|of| (of, route.decisions(*of)));
    let some = all.filter(|(_, calls)| *calls > 0);
    some.map(|(of, calls)| (of.as_str().to_owned(), calls.into()))
        .collect()
}
