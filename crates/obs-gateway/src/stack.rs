//! The layers around the providers, in their order: apm, timeout, cache, router, hedge, limits of an attempt, attempt.
use std::time::Duration;

use obs_apm::{ApmLayer, Telemetry};
use obs_budget::Budgets;
use obs_cache::{BoxStore, CacheLayer, Clock, Memory, RedisStore, Tiered};
use obs_core::{
    AttemptLayer, Background, Call, Error, FingerprintSecret, LlmRequest, PriceTable, Replay,
};
use obs_openai::{ChatRequest, ChatResponse, EmbeddingRequest, EmbeddingResponse};
use obs_redis::Redis;
use obs_router::{ContinueLayer, RouterLayer};
use obs_timeout::{HedgeLayer, TimeoutLayer};
use tower::{Layer, Service, ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    build::BuildError,
    clock::WallClock,
    forwarded::{ForwardedAnswer, ForwardedRequest, Forwarder},
    limits::LimitsLayer,
    names::Names,
    providers::Providers,
    routing::{self, Deciding},
    settings::{Format, Settings, Store},
    simulated,
};

/// A stack of layers, its type hidden.
pub(crate) type Stack<R, Res> = BoxCloneSyncService<Call<R>, Res, Error>;

/// Every stack, and what they have in common.
#[derive(Debug)]
pub(crate) struct Stacks {
    pub(crate) names: Names,
    pub(crate) chat: Stack<ChatRequest, ChatResponse>,
    pub(crate) embeddings: Stack<EmbeddingRequest, EmbeddingResponse>,
    /// Requests that are passed on as they are: counted and bounded, no more.
    pub(crate) forward: Stack<ForwardedRequest, ForwardedAnswer>,
    pub(crate) figures: Figures,
    /// The connection to Redis, where answers are kept there.
    redis: Option<Redis>,
}

/// Handles to the layers and stores, for what they have counted.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) apm: ApmLayer,
    pub(crate) timeout: TimeoutLayer,
    pub(crate) cache: Option<CacheLayer<BoxStore>>,
    pub(crate) router: Option<RouterLayer<Deciding>>,
    pub(crate) hedge: Option<HedgeLayer>,
    pub(crate) memory: Option<Memory>,
    pub(crate) redis: Option<RedisStore>,
}

struct Layers {
    apm: ApmLayer,
    timeout: TimeoutLayer,
    cache: Option<CacheLayer<BoxStore>>,
    router: Option<RouterLayer<Deciding>>,
    /// Whether a route goes on with streams that break off.
    goes_on: bool,
    hedge: Option<HedgeLayer>,
    limits: LimitsLayer,
    attempts: AttemptLayer<obs_core::Enveloped>,
}

impl Stacks {
    pub(crate) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        clock: &WallClock,
        background: &Background,
    ) -> Result<Self, BuildError> {
        let providers = Providers::new(settings, clock, &telemetry.propagator())?;
        let names = Names::new(settings, &providers);
        let prices = prices(settings);
        let metrics = telemetry.metrics();
        providers.count(&metrics);
        let stores = Stores::new(settings, background)?;
        let cache = stores.both.map(|store| cache(settings, clock, store));
        let layers = Layers {
            apm: apm(settings, telemetry, clock),
            timeout: TimeoutLayer::try_new(settings.timeout.total)
                .map_err(|error| BuildError::new(format!("timeout.total: {error}")))?
                .grace(settings.timeout.grace)
                .metrics(&metrics),
            cache: cache.map(|cache| cache.metrics(&metrics)),
            router: routing::layer(settings, &prices)?.map(|router| router.metrics(&metrics)),
            goes_on: settings.routes.iter().any(|route| route.prefill),
            hedge: hedge(settings).map(|hedge| hedge.metrics(&metrics)),
            limits: LimitsLayer::new(settings, names.routes()),
            attempts: AttemptLayer::new(prices).enveloped(),
        };
        Ok(Self {
            chat: layers.around(providers.clone()),
            embeddings: layers.around(providers.clone()),
            forward: BoxCloneSyncService::new(
                ServiceBuilder::new()
                    .layer(&layers.apm)
                    .layer(&layers.timeout)
                    .service(Forwarder::new(providers.of(None).clone())),
            ),
            figures: Figures {
                apm: layers.apm,
                timeout: layers.timeout,
                cache: layers.cache,
                router: layers.router,
                hedge: layers.hedge,
                memory: stores.memory,
                redis: stores.redis,
            },
            names,
            redis: stores.connection,
        })
    }

    /// What virtual keys may spend, shared through Redis where answers are; `None`: there are no keys.
    pub(crate) fn key_budgets(
        &self,
        settings: &Settings,
        telemetry: &Telemetry,
        clock: &WallClock,
        background: &Background,
    ) -> Option<Budgets> {
        if settings.keys.is_empty() {
            return None;
        }
        let clock = clock.clone();
        let budgets = Budgets::builder("key", [])
            .clock(move || clock.now())
            .metrics(telemetry.metrics());
        let budgets = match &self.redis {
            Some(redis) => budgets.shared(redis.clone(), background.clone()),
            None => budgets,
        };
        Some(budgets.build())
    }
}

impl Layers {
    fn around<R, Res, S>(&self, providers: S) -> Stack<R, Res>
    where
        R: LlmRequest + Clone + Send + Sync + 'static,
        Res: Replay + 'static,
        S: Service<Call<R>, Response = Res, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let spans = self.apm.attempt_spans();
        let attempts = spans.layer(self.attempts.layer(providers));
        let attempts = self.limits.layer(attempts);
        let hedged = match &self.hedge {
            Some(hedge) => BoxCloneSyncService::new(hedge.layer(attempts)),
            None => BoxCloneSyncService::new(attempts),
        };
        let routed = match &self.router {
            Some(router) => BoxCloneSyncService::new(router.layer(hedged)),
            None => hedged,
        };
        let routed = match self.goes_on {
            true => BoxCloneSyncService::new(ContinueLayer::new().layer(routed)),
            false => routed,
        };
        let cached = match &self.cache {
            Some(cache) => BoxCloneSyncService::new(cache.layer(routed)),
            None => routed,
        };
        BoxCloneSyncService::new(self.apm.layer(self.timeout.layer(cached)))
    }
}

fn apm(settings: &Settings, telemetry: &Telemetry, clock: &WallClock) -> ApmLayer {
    let first = settings
        .providers
        .first()
        .map(|provider| provider.name.clone());
    let first = first.unwrap_or_else(|| "unknown".into());
    let clock = clock.clone();
    let mut apm = ApmLayer::new()
        .telemetry(telemetry)
        .provider_name(first.clone())
        .wall_clock(move || clock.now());
    for route in &settings.routes {
        let provider = route.provider.clone().unwrap_or_else(|| first.clone());
        apm = apm.route(route.name.clone(), route.model.clone(), provider);
    }
    for provider in &settings.providers {
        if let Some((host, port)) = server(&provider.base_url) {
            apm = apm.server(provider.name.clone(), host, port);
        }
    }
    apm
}

/// Host and port of a URL; `None`: of the simulated provider, which is nowhere.
fn server(base_url: &str) -> Option<(String, u16)> {
    let url: http::Uri = base_url.parse().ok()?;
    let default = if url.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let port = url.port_u16().unwrap_or(default);
    Some((url.host()?.to_owned(), port))
}

/// The bundled prices, over them the simulated ones, the user's file, and what routes say themselves.
fn prices(settings: &Settings) -> PriceTable {
    let mut prices = PriceTable::bundled();
    if settings
        .providers
        .iter()
        .any(|p| p.format == Format::Simulated)
    {
        prices = prices.merge(&simulated::prices());
    }
    if let Some(own) = &settings.prices.own {
        prices = prices.merge(own);
    }
    for route in &settings.routes {
        if let Some(price) = &route.price {
            prices = prices.with_route(&route.name, price.clone());
        }
    }
    prices
}

/// `None`: nothing is asked for twice.
fn hedge(settings: &Settings) -> Option<HedgeLayer> {
    let of = &settings.timeout;
    let hedge = HedgeLayer::new(of.hedge_after?)
        .share(of.hedge_share)
        .burst(of.hedge_burst);
    Some(match of.hedge_usd_per_hour {
        Some(amount) => hedge.dollars(amount, Duration::from_secs(3600)),
        None => hedge,
    })
}

/// Where answers are kept.
struct Stores {
    memory: Option<Memory>,
    redis: Option<RedisStore>,
    connection: Option<Redis>,
    /// The one, or the one before the other; `None`: nowhere.
    both: Option<BoxStore>,
}

impl Stores {
    fn new(settings: &Settings, background: &Background) -> Result<Self, BuildError> {
        let of = &settings.cache;
        let memory = || Memory::new(of.max_bytes as u64);
        let (memory, connection) = match &of.store {
            Store::Off => (None, None),
            Store::Memory => (Some(memory()), None),
            Store::Redis(url) => {
                let mut redis = Redis::builder(url.expose()).budget(of.redis_timeout);
                if let Some(file) = &of.ca_file {
                    redis = redis.ca_file(file);
                }
                let redis = redis.connect();
                let redis = redis.map_err(|e| BuildError::new(format!("cache.store: {e}")))?;
                (of.tier.then(memory), Some(redis))
            }
        };
        let redis = connection
            .clone()
            .map(|redis| RedisStore::new(redis, background.clone()));
        let both = match (memory.clone(), redis.clone()) {
            (None, None) => None,
            (Some(memory), None) => Some(BoxStore::new(memory)),
            (None, Some(redis)) => Some(BoxStore::new(redis)),
            (Some(memory), Some(redis)) => Some(BoxStore::new(Tiered::new(memory, redis))),
        };
        Ok(Self {
            memory,
            redis,
            connection,
            both,
        })
    }
}

fn cache(settings: &Settings, clock: &WallClock, store: BoxStore) -> CacheLayer<BoxStore> {
    let of = &settings.cache;
    let clock = clock.clone();
    let mut cache = CacheLayer::new(store)
        .ttl(of.ttl)
        .max_entry_bytes(of.max_entry)
        .clock(Clock::new(move || clock.now()));
    if let Some(secret) = secret(settings) {
        cache = cache.key(secret);
    }
    cache
}

/// The key of all hashes.
pub(crate) fn secret(settings: &Settings) -> Option<FingerprintSecret> {
    let key = settings.cache.key.as_ref()?;
    Some(FingerprintSecret::new(key.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_the_host_and_the_port_of_a_provider() {
        for (url, expected) in [
            ("https://api.openai.com/v1", Some(("api.openai.com", 443))),
            ("http://127.0.0.1:8081/v1", Some(("127.0.0.1", 8081))),
            ("http://models/v1", Some(("models", 80))),
            ("", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(server(url), expected, "{url}");
        }
    }
}
