//! The layers of the settings, for a replay.
use std::time::Duration;

use obs_cache::{BoxStore, Memory};
use obs_core::Background;
use obs_metrics::Metrics;
use obs_replay::{Layers, VirtualTime, log::ByRecord};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};

use crate::{
    api::Api,
    build::BuildError,
    clock::WallClock,
    kept,
    routing::{self, Staying},
    settings::{Policy, Route, Settings, Store},
    stack,
};

/// Refreshes that are under way at a time.
const BACKGROUND: u32 = 1024;

/// Those of the settings, from this moment on, in milliseconds since 1970.
pub(super) fn of(settings: &Settings, begin: u64) -> Result<Layers<ByRecord<Staying>>, BuildError> {
    if settings.router.policy == Policy::Learned {
        let message = "router.policy = \"learned\" learns in traffic, and is not replayed: try another with --router-policy";
        return Err(BuildError::new(message.into()));
    }
    let quiet = Metrics::disabled();
    let time = VirtualTime::starting(begin);
    let clock = {
        let time = time.clone();
        WallClock::new(move || time.now())
    };
    let prices = stack::prices(settings);
    let recorded = |policy| match settings.router.policy {
        Policy::Default | Policy::Weighted => ByRecord::unread(policy),
        _ => ByRecord::new(policy, settings.router.threshold as f32),
    };
    let router = routing::with(settings, &prices, api(settings), None, recorded)?;
    let keeps = settings.cache.store != Store::Off;
    let cache = || {
        let memory = BoxStore::new(Memory::new(settings.cache.max_bytes as u64));
        kept::layer(settings, &clock, &Background::new(BACKGROUND), memory).metrics(&quiet)
    };
    let timeout = TimeoutLayer::try_new(settings.timeout.total)
        .map_err(|error| BuildError::new(format!("timeout.total: {error}")))?;
    let attempt = |limit: Duration| AttemptTimeoutLayer::new().attempt(limit);
    Ok(Layers {
        timeout: Some(timeout.grace(settings.timeout.grace).metrics(&quiet)),
        cache: keeps.then(cache),
        router: router.map(|router| router.metrics(&quiet)),
        attempt: settings.timeout.attempt.map(attempt),
        prices,
        routes: routes(settings).map(|route| route.name.clone()).collect(),
        time,
    })
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

/// What of the settings a replay does not do, in sentences.
pub(super) fn left_out(settings: &Settings) -> Vec<String> {
    let mut out = vec![
        "Answers are replayed whole: limits of the first token and of silence, and the commit point of streams, play no part. \
         Judges, comparisons, budgets, rates and virtual keys play none either."
            .to_owned(),
    ];
    if matches!(settings.cache.store, Store::Redis(_)) {
        out.push(
            "Answers are kept in memory, in the place of Redis, up to cache.max_bytes.".into(),
        );
    }
    if settings.timeout.hedge_after.is_some() {
        out.push("Nothing is hedged.".into());
    }
    out
}

fn api(settings: &Settings) -> Api {
    let formats = || settings.providers.iter().map(|provider| provider.format);
    match formats().any(|format| Api::OpenAi.is_spoken(format)) {
        true => Api::OpenAi,
        false => Api::Anthropic,
    }
}
