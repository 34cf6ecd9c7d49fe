//! Streams, second attempts, and what they cost.
use std::{sync::Arc, time::Duration};

use obs_core::{Commit, ErrorKind, Usd};
use obs_metrics::Metrics;
use obs_replay::{Around, Arrival, Layers, Outcome, Question, Simulation, Totals};
use obs_router::{Route, RouterLayer};
use obs_timeout::{AttemptTimeoutLayer, HedgeLayer};

use crate::world::{ByKey, Never, ROUTES, at, by_key, layers, outcome, question, totals};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// An easy question, whose answer is wanted as a stream: on both routes 1,000 tokens in and 500 out.
fn streamed(key: u128, cheap: Outcome, premium: Outcome) -> Arc<Question> {
    let question = question(key, cheap, premium);
    Arc::new(Question {
        stream: true,
        ..Question::clone(&question)
    })
}

fn timed(first: u64, took: u64) -> Outcome {
    Outcome {
        first_token: Some(MS(first)),
        ..outcome(1000, 500, took, 1.0)
    }
}

fn run(layers: &Layers<ByKey>, arrivals: Vec<Arrival>) -> Totals {
    let mut sums = totals();
    let arrivals = arrivals.into_iter().map(Ok::<_, Never>);
    let seen = Simulation::new(layers)
        .run(arrivals, |ended| sums.add(&ended))
        .unwrap();
    sums.settle(&seen);
    sums
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn a_stream_has_a_first_token_and_an_end() {
    let slow = streamed(2, timed(300, 900), timed(400, 2_000));
    let sums = run(
        &layers(),
        vec![at(0, &slow), at(600, &slow), at(5_000, &slow)],
    );
    assert_eq!((sums.answered, sums.hits, sums.coalesced), (3, 2, 1));
    // The first caller waits 0.3 s and 0.9 s, who joins it after its first token none and 0.3 s, and who comes later none at all.
    assert_eq!(sums.first_token(1.0), Some(MS(300)));
    assert_eq!(sums.first_token(0.5), Some(MS(0)));
    assert_eq!((sums.latency(1.0), sums.latency(0.5)), (MS(900), MS(300)));
    assert_eq!(sums.paid.exact(), Some(usd("0.002")));
    assert_eq!(sums.saved_by_cache, usd("0.004"));
    assert_eq!(sums.mean_quality(), Some(1.0), "of shared streams, too");
    let whole = question(4, timed(300, 900), timed(400, 2_000));
    assert_eq!(run(&layers(), vec![at(0, &whole)]).first_token(0.5), None);
}

#[test]
fn a_limit_to_the_first_token_moves_a_stream_on_and_no_plain_answer() {
    let limited = || Layers {
        attempt: Some(Around::new(AttemptTimeoutLayer::new().first_token(MS(500)))),
        ..layers()
    };
    let quick = streamed(2, timed(400, 900), timed(100, 700));
    let slow = streamed(4, timed(600, 900), timed(100, 700));
    let plain = question(6, timed(600, 900), timed(100, 700));
    let sums = run(&limited(), vec![at(0, &quick), at(0, &slow), at(0, &plain)]);
    assert_eq!((sums.answered, &sums.by_route[..]), (3, &[2, 1][..]));
    // It was cut after 0.5 s, and answered 0.7 s later.
    assert_eq!(sums.latency(1.0), MS(1_200));
    assert_eq!(sums.first_token(1.0), MS(600).into());
}

#[test]
fn a_failure_after_the_commit_point_is_the_callers_and_one_before_it_is_not() {
    let broken = Outcome {
        error: Some(ErrorKind::CutOff),
        ..timed(100, 400)
    };
    let played = |commit| {
        let routes = ROUTES.map(|(name, model)| Route::new(name).model(model));
        let router = RouterLayer::new(by_key as ByKey, routes).commit(commit);
        let layers = Layers {
            router: Some(router.metrics(&Metrics::disabled())),
            ..layers()
        };
        let sums = run(
            &layers,
            vec![at(0, &streamed(2, broken.clone(), timed(100, 700)))],
        );
        (sums.answered, sums.failed)
    };
    assert_eq!(played(Commit::FirstContent), (0, 1));
    assert_eq!(played(Commit::After(MS(200))), (0, 1));
    assert_eq!(played(Commit::After(MS(350))), (1, 0));
    assert_eq!(played(Commit::Complete), (1, 0));
}

#[test]
fn a_second_attempt_takes_its_own_time_and_the_one_that_loses_is_paid() {
    let hedge = HedgeLayer::new(MS(200))
        .share(1.0)
        .metrics(&Metrics::disabled());
    let layers = Layers {
        attempt: Some(Around::new(hedge.clone())),
        ..layers()
    };
    let with = |first, hedged| Outcome {
        hedged: Some(MS(hedged)),
        ..timed(first, first + 500)
    };
    let wins = streamed(2, with(2_000, 100), timed(1, 1));
    let loses = streamed(4, with(250, 100), timed(1, 1));
    let none = streamed(6, with(150, 100), timed(1, 1));
    let sums = run(
        &layers,
        vec![at(0, &wins), at(10_000, &loses), at(20_000, &none)],
    );
    assert_eq!((hedge.stats().started, hedge.stats().won), (2, 1));
    assert_eq!((sums.hedges, sums.attempts), (2, 5));
    // The second one began after 0.2 s, had its first token 0.1 s later, and went on as the first one would have.
    assert_eq!(
        (sums.first_token(1.0), sums.latency(1.0)),
        (Some(MS(300)), MS(800))
    );
    assert_eq!(sums.paid.known, usd("0.006"), "those of which it is known");
    assert_eq!(sums.paid_racing, usd("0.004"));
    assert_eq!((sums.known, sums.known_paid), (3, usd("0.010")));
    assert_eq!(sums.saved_by_router, usd("0.065"), "3 * 0.025 - 0.010");
    assert_eq!(sums.saved_besides, Usd::ZERO);
}
