//! A small world: two routes, a price each, questions that come again.
use std::{convert::Infallible, io, sync::Arc, time::Duration};

use obs_cache::{BoxStore, CacheLayer, Memory};
use obs_core::{Price, PriceTable, Usage};
use obs_metrics::Metrics;
use obs_replay::{Arrival, Layers, Outcome, Question, Totals, VirtualTime};
use obs_router::{Judge, NoJudge, Route, RouterLayer};
use obs_timeout::TimeoutLayer;

pub(crate) const ROUTES: [(&str, &str); 2] = [("cheap", "small"), ("premium", "large")];

/// What a caller of the engine needs of errors.
#[derive(Debug)]
pub(crate) struct Never;

impl From<io::Error> for Never {
    fn from(error: io::Error) -> Self {
        panic!("{error}")
    }
}

impl From<Infallible> for Never {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

pub(crate) fn prices() -> PriceTable {
    let price = |input, output| Price::per_million(input, output).unwrap();
    PriceTable::new()
        .with_model("small", price("1", "2"))
        .with_model("large", price("10", "30"))
}

pub(crate) fn outcome(input: u64, output: u64, took: u64, quality: f32) -> Outcome {
    Outcome {
        usage: Some(Usage {
            input,
            output,
            ..Usage::default()
        }),
        took: Duration::from_millis(took),
        quality: Some(quality),
        bytes: 200,
        ..Outcome::default()
    }
}

/// With two outcomes.
pub(crate) fn question(key: u128, cheap: Outcome, premium: Outcome) -> Arc<Question> {
    Arc::new(Question {
        key,
        model: "auto".into(),
        cacheable: true,
        outcomes: vec![cheap, premium],
        ..Question::default()
    })
}

pub(crate) fn at(millis: u64, question: &Arc<Question>) -> Arrival {
    Arrival {
        at: Duration::from_millis(millis),
        question: question.clone(),
    }
}

pub(crate) fn totals() -> Totals {
    let routes = ROUTES.map(|(name, model)| (name.into(), model.into()));
    Totals::new(&routes, 1, prices())
}

/// Odd keys are hard.
pub(crate) fn by_key(ask: &obs_replay::Ask, _: &obs_core::CallContext) -> &'static str {
    match ask.question().key % 2 {
        1 => "premium",
        _ => "cheap",
    }
}

pub(crate) type ByKey = fn(&obs_replay::Ask, &obs_core::CallContext) -> &'static str;

/// All layers, answers kept for a minute, ten seconds and two more for a call.
pub(crate) fn layers() -> Layers<ByKey> {
    judged(NoJudge)
}

pub(crate) fn judged<J>(judge: J) -> Layers<ByKey, J>
where
    J: Judge<obs_replay::Ask, obs_replay::Answer>,
{
    let quiet = Metrics::disabled();
    let time = VirtualTime::starting(1_700_000_000_000);
    let routes = ROUTES.map(|(name, model)| Route::new(name).model(model));
    Layers {
        timeout: Some(
            TimeoutLayer::new(Duration::from_secs(10))
                .grace(Duration::from_secs(2))
                .metrics(&quiet),
        ),
        cache: Some(
            CacheLayer::new(BoxStore::new(Memory::new(1 << 20)))
                .ttl(Duration::from_secs(60))
                .jitter(0.0)
                .clock(time.clock())
                .metrics(&quiet),
        ),
        router: Some(
            RouterLayer::new(by_key as ByKey, routes)
                .metrics(&quiet)
                .judge(judge),
        ),
        attempt: None,
        prices: prices(),
        routes: ROUTES.map(|(name, _)| name.into()).to_vec(),
        time,
    }
}
