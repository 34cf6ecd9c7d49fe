//! The layers around the providers, in their order: apm, timeout, cache, router, hedge, limits of an attempt, attempt.
mod layers;
mod outlast;
mod prices;
mod stores;
mod telling;

use std::{sync::Arc, time::Duration};

use obs_anthropic::MessagesRequest;
use obs_apm::{ApmLayer, Telemetry};
use obs_budget::Budgets;
use obs_cache::{BoxStore, CacheLayer, Memory, RedisStore};
use obs_core::{AttemptLayer, Background};
use obs_openai::{ChatRequest, EmbeddingRequest, EmbeddingResponse, ResponsesRequest};
use obs_redis::Redis;
use obs_timeout::{HedgeLayer, TimeoutLayer};
use obs_wire::Ask;
use tower::{ServiceBuilder, util::BoxCloneSyncService};

pub(crate) use self::prices::prices;
use self::{
    layers::{Layers, are_one},
    outlast::Kept,
    stores::Stores,
};
use crate::{
    api::Api,
    boxed::Stack,
    build_error::BuildError,
    cascade::Cascade,
    clock::WallClock,
    comparing,
    forwarded::{ForwardedAnswer, ForwardedRequest, Forwarder},
    kept,
    limits::LimitsLayer,
    made::Made,
    names::Names,
    outcomes::{Outcomes, verdicts::Verdicts},
    providers::Providers,
    routing::{self, Routing},
    settings::Settings,
    spending::Spending,
};

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
    /// Who decides, in the order of [`Api::ALL`].
    deciding: [Option<Routing>; 2],
    /// Where the responses are that providers keep.
    pub(crate) made: Made,
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
    pub(crate) limits: LimitsLayer,
    pub(crate) cache: Option<CacheLayer<BoxStore>>,
    /// One for all endpoints, or one for those of each interface.
    pub(crate) routers: Vec<Routing>,
    pub(crate) hedge: Option<HedgeLayer>,
    pub(crate) memory: Option<Memory>,
    pub(crate) redis: Option<RedisStore>,
    /// What was said of answers.
    pub(crate) verdicts: Arc<Verdicts>,
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
        // A response is where it was made, whatever the settings are by now.
        let made = before.map_or_else(Made::default, |(_, stacks)| stacks.made.clone());
        let kept = Kept::new(settings, before);
        let stores = Stores::new(settings, background, &kept)?;
        let api = if names.speaks(Api::OpenAi) {
            Api::OpenAi
        } else {
            Api::Anthropic
        };
        let redis = stores.connection.as_ref();
        let before = kept.spending;
        let spending = Spending::new(settings, &metrics, clock, redis, background, before);
        let apm = |at, api| match kept.apm(at) {
            Some(apm) => apm.clone(),
            None => telling::apm(settings, telemetry, clock, api),
        };
        let router = |at, api| {
            if let Some(router) = kept.router(at) {
                return Ok(Some(router.clone()));
            }
            let router = routing::layer(settings, &prices, &spending, api, outcomes)?;
            Ok(router.map(|router| router.metrics(&metrics)))
        };
        let layers = Layers {
            api,
            apm: apm(0, api),
            timeout: match kept.timeout {
                Some(timeout) => timeout.clone(),
                None => timeout(settings)?.metrics(&metrics),
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
            router: router(0, api)?,
            cascade: Cascade::new(&settings.router.cascade),
            shadow: comparing::layer(settings, api, &spending, background, &metrics, outcomes),
            spending: spending.clone(),
            goes_on: settings.routes.iter().any(|route| route.prefill),
            hedge: match kept.hedge {
                Some(hedge) => hedge.clone(),
                None => hedge(settings).map(|hedge| hedge.metrics(&metrics)),
            },
            limits: LimitsLayer::new(settings, names.routes(), api),
            attempts: AttemptLayer::new(prices.clone()).enveloped(),
        };
        let second = layers.other(settings, |api| Ok((apm(1, api), router(1, api)?)))?;
        let each = [Some(&layers), (!are_one(settings)).then_some(&second)];
        let each = || each.iter().copied().flatten();
        let of = |api| if layers.api == api { &layers } else { &second };
        let (openai, anthropic) = (of(Api::OpenAi), of(Api::Anthropic));
        let deciding = Api::ALL.map(|api| of(api).router.clone());
        let to_openai = providers.speaking(Api::OpenAi);
        Ok(Self {
            chat: openai.textual(to_openai.clone(), outcomes, "openai"),
            responses: openai.textual(made.by(to_openai.clone()), outcomes, "responses"),
            messages: anthropic.textual(providers.speaking(Api::Anthropic), outcomes, "anthropic"),
            embeddings: outcomes.around("openai", openai.around(to_openai)),
            forward: outcomes.around_unmetered(BoxCloneSyncService::new(
                ServiceBuilder::new()
                    .layer(&layers.apm)
                    .layer(&layers.timeout)
                    .service(Forwarder::new(providers, made.clone())),
            )),
            figures: Figures {
                apms: each().map(|of| of.apm.clone()).collect(),
                routers: each().filter_map(|of| of.router.clone()).collect(),
                timeout: layers.timeout,
                limits: layers.limits,
                cache: layers.cache,
                hedge: layers.hedge,
                memory: stores.memory,
                redis: stores.redis,
                verdicts: outcomes.verdicts().clone(),
            },
            deciding,
            made,
            names,
            outcomes: outcomes.clone(),
            redis: stores.connection,
            spending,
        })
    }

    /// Who decides on requests of this interface; `None`: there is nothing to choose from.
    pub(crate) fn router(&self, api: Api) -> Option<&Routing> {
        self.deciding[api.index()].as_ref()
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

/// The limit of a whole call.
fn timeout(settings: &Settings) -> Result<TimeoutLayer, BuildError> {
    let layer = TimeoutLayer::try_new(settings.timeout.total)
        .map_err(|error| BuildError::new(format!("timeout.total: {error}")))?;
    Ok(layer.grace(settings.timeout.grace))
}

/// `None`: nothing is asked for twice.
pub(crate) fn hedge(settings: &Settings) -> Option<HedgeLayer> {
    let of = &settings.timeout;
    let hedge = HedgeLayer::new(of.hedge_after?)
        .share(of.hedge_share)
        .burst(of.hedge_burst);
    Some(match of.hedge_usd_per_hour {
        Some(amount) => hedge.dollars(amount, Duration::from_secs(3600)),
        None => hedge,
    })
}
