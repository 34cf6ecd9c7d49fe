//! The layers of the settings, for a replay.
use obs_cache::{BoxStore, Memory};
use obs_core::Background;
use obs_metrics::Metrics;
use obs_replay::{
    Around, Inside, Layers, ModelledJudge, VirtualTime, chance,
    log::{ByModel, Judging},
};
use obs_router::Budgeted;
use obs_timeout::{HedgeLayer, TimeoutLayer};
use tower::layer::util::Stack;

use super::{
    judging,
    policy::{self, Replaying},
};
use crate::{
    api::Api,
    build_error::BuildError,
    clock::WallClock,
    kept,
    limits::LimitsLayer,
    names, routing,
    settings::{Route, Settings, Store},
    spending::Spending,
    stack,
};

/// Refreshes that are under way at a time.
const BACKGROUND: u32 = 1024;
/// Decides where the gateway lets chance decide.
const SEED: u64 = 1;

/// Layers, and handles to those parts of them that are asked when all is over.
pub(super) struct Made {
    pub(super) layers: Layers<Budgeted<Replaying>>,
    pub(super) judging: Option<Judging>,
    pub(super) hedge: Option<HedgeLayer>,
    /// Hears of calls that have ended.
    pub(super) model: Option<ByModel>,
}

/// Those of the settings, from this moment on, in milliseconds since 1970; with this judge in the place of those of the settings.
pub(super) fn of(
    settings: &Settings,
    begin: u64,
    judge: Option<ModelledJudge>,
) -> Result<Made, BuildError> {
    let quiet = Metrics::disabled();
    let time = VirtualTime::starting(begin);
    let clock = {
        let time = time.clone();
        WallClock::new(move || time.now())
    };
    let prices = stack::prices(settings);
    let model = policy::model(settings)?;
    let spending = Spending::alone(settings, &clock);
    let router = routing::with(settings, &prices, api(settings), None, |staying| {
        spending.around(policy::around(settings, &prices, staying, model.clone()))
    })?;
    let keeps = settings.cache.store != Store::Off;
    let cache = || {
        let memory = BoxStore::new(Memory::new(settings.cache.max_bytes as u64));
        kept::layer(settings, &clock, &Background::new(BACKGROUND), memory).metrics(&quiet)
    };
    let timeout = TimeoutLayer::try_new(settings.timeout.total)
        .map_err(|error| BuildError::new(format!("timeout.total: {error}")))?;
    let inside = Inside::default();
    let hedge = stack::hedge(settings).map(|hedge| hedge.metrics(&quiet));
    Ok(Made {
        judging: judging::of(settings, judge, &inside),
        layers: Layers {
            timeout: Some(timeout.grace(settings.timeout.grace).metrics(&quiet)),
            cache: keeps.then(cache),
            router: router.map(|router| router.chance(chance(SEED)).metrics(&quiet)),
            attempt: Some(around(settings, hedge.clone()).found_in(&inside)),
            prices,
            routes: routes(settings).map(|route| route.name.clone()).collect(),
            time,
        },
        hedge,
        model,
    })
}

/// Limits of an attempt, and around them a second one.
fn around(settings: &Settings, hedge: Option<HedgeLayer>) -> Around {
    let mut settings = settings.clone();
    // Between the first token and the last one a replay has none.
    settings.timeout.idle = None;
    let limits = LimitsLayer::new(&settings, &names::routes(&settings), api(&settings));
    match hedge {
        Some(hedge) => Around::new(Stack::new(limits, hedge)),
        None => Around::new(limits),
    }
}

/// The routes that calls are replayed on: those of the interface that the gateway speaks first.
pub(super) fn routes(settings: &Settings) -> impl Iterator<Item = &Route> {
    let api = api(settings);
    let speaks = move |route: &&Route| api.has_route(settings, route.provider.as_deref());
    settings.routes.iter().filter(speaks)
}

/// Which of the routes savings are measured against.
pub(super) fn baseline(settings: &Settings) -> usize {
    let named = settings.router.baseline.as_ref();
    let at = named.and_then(|name| routes(settings).position(|of| *of.name == **name));
    at.unwrap_or_else(|| routes(settings).count().saturating_sub(1))
}

pub(super) fn api(settings: &Settings) -> Api {
    let formats = || settings.providers.iter().map(|provider| provider.format);
    match formats().any(|format| Api::OpenAi.is_spoken(format)) {
        true => Api::OpenAi,
        false => Api::Anthropic,
    }
}
