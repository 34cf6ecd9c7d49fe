//! The layers around the providers, in their order: apm, timeout, cache, router, hedge, limits of an attempt, attempt.
use std::{sync::Arc, time::Duration};

use obs_anthropic::MessagesRequest;
use obs_apm::{ApmLayer, Telemetry};
use obs_budget::Budgets;
use obs_cache::{BoxStore, CacheLayer, Memory, RedisStore, Tiered};
use obs_core::{
    AttemptLayer, Background, Call, Error, FingerprintSecret, LlmRequest, LlmResponse, PriceTable,
    Replay,
};
use obs_openai::{ChatRequest, EmbeddingRequest, EmbeddingResponse, ResponsesRequest};
use obs_redis::Redis;
use obs_router::{ContinueLayer, ShadowLayer};
use obs_timeout::{HedgeLayer, TimeoutLayer};
use obs_wire::Ask;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use crate::{
    api::Api,
    build::BuildError,
    cascade::Cascade,
    clock::WallClock,
    comparing::{self, Grader},
    forwarded::{ForwardedAnswer, ForwardedRequest, Forwarder},
    kept,
    limits::LimitsLayer,
    names::Names,
    outcomes::Outcomes,
    outlast::Kept,
    providers::{Providers, Speaking},
    routing::{self, Routing},
    settings::{Cache, Format, Settings, Store},
    simulated,
    spending::Spending,
};

/// A stack of layers, its type hidden.
pub(crate) type Stack<R, Res> = BoxCloneSyncService<Call<R>, Res, Error>;

/// Every stack, and what they have in common.
#[derive(Debug)]
pub(crate) struct Stacks {
    pub(crate) names: Names,
    pub(crate) chat: Textual<ChatRequest>,
    pub(crate) responses: Textual<ResponsesRequest>,
    pub(crate) messages: Textual<MessagesRequest>,
    pub(crate) embeddings: Stack<EmbeddingRequest, EmbeddingResponse>,
    /// Requests that are passed on as they are: counted and bounded, no more.
    pub(crate) forward: Stack<ForwardedRequest, ForwardedAnswer>,
    pub(crate) figures: Figures,
    /// What became of calls.
    pub(crate) outcomes: Arc<Outcomes>,
    /// Who pays, where there are budgets.
    pub(crate) spending: Spending,
    /// The connection to Redis, where answers are kept there.
    pub(crate) redis: Option<Redis>,
}

/// The stacks of an endpoint that answers with text.
#[derive(Clone, Debug)]
pub(crate) struct Textual<R: Ask> {
    /// Every layer.
    pub(crate) all: Stack<R, R::Answer>,
    /// Without cache and router: for requests that go on with what one provider keeps.
    pub(crate) bound: Stack<R, R::Answer>,
}

/// Handles to the layers and stores, for what they have counted.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// One for all endpoints, or one for those of each interface.
    pub(crate) apms: Vec<ApmLayer>,
    pub(crate) timeout: TimeoutLayer,
    pub(crate) cache: Option<CacheLayer<BoxStore>>,
    /// One for all endpoints, or one for those of each interface.
    pub(crate) routers: Vec<Routing>,
    pub(crate) hedge: Option<HedgeLayer>,
    pub(crate) memory: Option<Memory>,
    pub(crate) redis: Option<RedisStore>,
}

/// Those of one interface share what they can with those of the other.
#[derive(Clone)]
struct Layers {
    api: Api,
    apm: ApmLayer,
    timeout: TimeoutLayer,
    cache: Option<CacheLayer<BoxStore>>,
    router: Option<Routing>,
    cascade: Option<Cascade>,
    shadow: Option<ShadowLayer<Grader>>,
    spending: Spending,
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
        outcomes: &Arc<Outcomes>,
        before: Option<(&Settings, &Self)>,
    ) -> Result<Self, BuildError> {
        let providers = Providers::new(settings, clock, &telemetry.propagator())?;
        let names = Names::new(settings, &providers);
        let prices = prices(settings);
        let metrics = telemetry.metrics();
        providers.count(&metrics);
        let kept = Kept::new(settings, before);
        let stores = Stores::new(settings, background, &kept)?;
        let api = if names.speaks(Api::OpenAi) {
            Api::OpenAi
        } else {
            Api::Anthropic
        };
        let redis = stores.connection.as_ref();
        let spending = match kept.spending {
            Some(spending) => spending.clone(),
            None => Spending::new(settings, telemetry, clock, redis, background),
        };
        let routed = |api| {
            let router = routing::layer(settings, &prices, &spending, api, outcomes)?;
            Ok::<_, BuildError>(router.map(|router| router.metrics(&metrics)))
        };
        let layers = Layers {
            api,
            apm: match kept.apm(0) {
                Some(apm) => apm.clone(),
                None => apm(settings, telemetry, clock, api),
            },
            timeout: match kept.timeout {
                Some(timeout) => timeout.clone(),
                None => TimeoutLayer::try_new(settings.timeout.total)
                    .map_err(|error| BuildError::new(format!("timeout.total: {error}")))?
                    .grace(settings.timeout.grace)
                    .metrics(&metrics),
            },
            cache: match kept.cache {
                Some(cache) => cache.clone(),
                None => {
                    let cache = stores
                        .both
                        .map(|store| kept::layer(settings, clock, background, store));
                    cache.map(|cache| cache.metrics(&metrics))
                }
            },
            router: match kept.router(0) {
                Some(router) => Some(router.clone()),
                None => routed(api)?,
            },
            cascade: Cascade::new(&settings.router.cascade),
            shadow: comparing::layer(settings, api, &spending, background, &metrics, outcomes),
            spending: spending.clone(),
            goes_on: settings.routes.iter().any(|route| route.prefill),
            hedge: match kept.hedge {
                Some(hedge) => hedge.clone(),
                None => hedge(settings).map(|hedge| hedge.metrics(&metrics)),
            },
            limits: LimitsLayer::new(settings, names.routes(), api).metrics(&metrics),
            attempts: AttemptLayer::new(prices.clone()).enveloped(),
        };
        let second = layers.other(settings, |api| {
            let apm = match kept.apm(1) {
                Some(apm) => apm.clone(),
                None => apm(settings, telemetry, clock, api),
            };
            let router = match kept.router(1) {
                Some(router) => Some(router.clone()),
                None => routed(api)?,
            };
            Ok((apm, router))
        })?;
        let each = [Some(&layers), (!are_one(settings)).then_some(&second)];
        let each = || each.iter().copied().flatten();
        let of = |api| if layers.api == api { &layers } else { &second };
        let (openai, anthropic) = (of(Api::OpenAi), of(Api::Anthropic));
        Ok(Self {
            chat: openai.textual(&providers, outcomes, "openai"),
            responses: openai.textual(&providers, outcomes, "responses"),
            messages: anthropic.textual(&providers, outcomes, "anthropic"),
            embeddings: outcomes.around("openai", openai.around(providers.speaking(Api::OpenAi))),
            forward: outcomes.around_unmetered(BoxCloneSyncService::new(
                ServiceBuilder::new()
                    .layer(&layers.apm)
                    .layer(&layers.timeout)
                    .service(Forwarder::new(providers)),
            )),
            figures: Figures {
                apms: each().map(|of| of.apm.clone()).collect(),
                routers: each().filter_map(|of| of.router.clone()).collect(),
                timeout: layers.timeout,
                cache: layers.cache,
                hedge: layers.hedge,
                memory: stores.memory,
                redis: stores.redis,
            },
            names,
            outcomes: outcomes.clone(),
            redis: stores.connection,
            spending,
        })
    }

    /// What virtual keys may spend, shared through Redis where answers are.
    pub(crate) fn key_budgets(
        &self,
        telemetry: &Telemetry,
        clock: &WallClock,
        background: &Background,
    ) -> Budgets {
        let clock = clock.clone();
        let budgets = Budgets::builder("key", [])
            .clock(move || clock.now())
            .metrics(telemetry.metrics());
        let budgets = match &self.redis {
            Some(redis) => budgets.shared(redis.clone(), background.clone()),
            None => budgets,
        };
        budgets.build()
    }
}

impl Layers {
    /// Those of the other interface. What depends on who answers is made anew where not all providers speak the same.
    fn other(
        &self,
        settings: &Settings,
        made: impl FnOnce(Api) -> Result<(ApmLayer, Option<Routing>), BuildError>,
    ) -> Result<Self, BuildError> {
        let mut other = self.clone();
        other.api = match self.api {
            Api::OpenAi => Api::Anthropic,
            Api::Anthropic => Api::OpenAi,
        };
        other.limits = self.limits.speaking(other.api);
        if !are_one(settings) {
            (other.apm, other.router) = made(other.api)?;
            // Comparisons are of the routes of one interface.
            other.shadow = None;
        }
        Ok(other)
    }

    fn textual<R>(
        &self,
        providers: &Providers,
        outcomes: &Outcomes,
        format: &'static str,
    ) -> Textual<R>
    where
        R: Ask<Answer: Replay>,
        Speaking: Service<Call<R>, Response = R::Answer, Error = Error, Future: Send>,
    {
        Textual {
            all: outcomes.around(format, self.around(providers.speaking(self.api))),
            bound: outcomes.around(format, self.bound(providers.speaking(self.api))),
        }
    }

    fn bound<R, Res, S>(&self, providers: S) -> Stack<R, Res>
    where
        R: LlmRequest + Clone + Send + Sync + 'static,
        Res: LlmResponse + Send + 'static,
        S: Service<Call<R>, Response = Res, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let spans = self.apm.attempt_spans();
        let attempts = spans.layer(self.attempts.layer(providers));
        let attempts = self.paid(BoxCloneSyncService::new(self.limits.layer(attempts)));
        BoxCloneSyncService::new(self.apm.layer(self.timeout.layer(attempts)))
    }

    /// Where something bounds what is spent, calls are charged.
    fn paid<R: 'static, Res: 'static>(&self, inner: Stack<R, Res>) -> Stack<R, Res> {
        if !self.spending.is_bounded() {
            return inner;
        }
        let spending = self.spending.clone();
        let charged = move |call: Call<R>| {
            spending.charge(&call);
            call
        };
        BoxCloneSyncService::new(inner.map_request(charged))
    }

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
        let compared = match &self.shadow {
            Some(shadow) => BoxCloneSyncService::new(shadow.layer(hedged)),
            None => hedged,
        };
        let routed = match (&self.router, &self.cascade) {
            (Some(router), Some(cascade)) => cascade.layer(router, compared),
            (Some(router), None) => BoxCloneSyncService::new(router.layer(compared)),
            (None, _) => compared,
        };
        let routed = match self.goes_on {
            true => BoxCloneSyncService::new(ContinueLayer::new().layer(routed)),
            false => routed,
        };
        let cached = match &self.cache {
            Some(cache) => BoxCloneSyncService::new(cache.layer(routed)),
            None => routed,
        };
        let paid = self.paid(cached);
        BoxCloneSyncService::new(self.apm.layer(self.timeout.layer(paid)))
    }
}

/// Whether all providers speak the same.
fn are_one(settings: &Settings) -> bool {
    let formats = || settings.providers.iter().map(|provider| provider.format);
    let by_all = |api: Api| formats().all(|format| api.is_spoken(format));
    let by_none = |api: Api| !formats().any(|format| api.is_spoken(format));
    let [one, other] = Api::ALL;
    by_none(one) || by_none(other) || (by_all(one) && by_all(other))
}

fn apm(settings: &Settings, telemetry: &Telemetry, clock: &WallClock, api: Api) -> ApmLayer {
    let name = |provider: &crate::settings::Provider| provider.name.clone();
    let mut spoken = settings.providers.iter();
    let spoken = spoken.find(|provider| api.is_spoken(provider.format));
    let first = settings.providers.first().map(name);
    let first = first.unwrap_or_else(|| "unknown".into());
    let clock = clock.clone();
    let mut apm = ApmLayer::new()
        .telemetry(telemetry)
        .provider_name(spoken.map_or_else(|| first.clone(), name))
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
pub(crate) fn prices(settings: &Settings) -> PriceTable {
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
    fn new(
        settings: &Settings,
        background: &Background,
        kept: &Kept<'_>,
    ) -> Result<Self, BuildError> {
        let of = &settings.cache;
        if let Some(before) = kept.stores {
            let (memory, redis) = (before.figures.memory.clone(), before.figures.redis.clone());
            return Ok(Self::of(of, memory, redis, before.redis.clone()));
        }
        let memory = || Memory::new(of.max_bytes as u64);
        let (memory, connection) = match &of.store {
            Store::Off => (None, None),
            Store::Memory => (Some(memory()), None),
            Store::Redis(url) => {
                let mut redis = Redis::builder(url.expose()).budget(of.redis_timeout);
                if let Some(file) = &of.ca_file {
                    redis = redis.ca_file(file);
                }
                if of.tier && of.freshness.invalidation {
                    redis = redis.watch(RedisStore::PREFIX);
                }
                let redis = redis.connect();
                let redis = redis.map_err(|e| BuildError::new(format!("cache.store: {e}")))?;
                (of.tier.then(memory), Some(redis))
            }
        };
        let redis = connection
            .clone()
            .map(|redis| RedisStore::with_codec(redis, background.clone(), kept::codec(of)));
        Ok(Self::of(of, memory, redis, connection))
    }

    fn of(
        of: &Cache,
        memory: Option<Memory>,
        redis: Option<RedisStore>,
        connection: Option<Redis>,
    ) -> Self {
        let both = match (memory.clone(), redis.clone()) {
            (None, None) => None,
            (Some(memory), None) => Some(BoxStore::new(memory)),
            (None, Some(redis)) => Some(BoxStore::new(redis)),
            (Some(memory), Some(redis)) => {
                let tiered = Tiered::new(memory, redis);
                Some(BoxStore::new(match of.freshness.invalidation {
                    true => tiered.invalidation(),
                    false => tiered,
                }))
            }
        };
        Self {
            memory,
            redis,
            connection,
            both,
        }
    }
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
