//! The engine: virtual time, and sums that are those of the layers.
use std::{sync::Arc, time::Duration};

use obs_core::{ErrorKind, Usd};
use obs_replay::{Arrival, ModelledJudge, Outcome, Simulation, Totals};
use obs_router::{Judge, Reason};

use crate::world::{ByKey, Never, at, judged, layers, outcome, question, totals};

fn run<J>(layers: &obs_replay::Layers<ByKey, J>, arrivals: Vec<Arrival>) -> Totals
where
    J: Judge<obs_replay::Ask, obs_replay::Answer> + Send + Sync + 'static,
    J::Future: Send,
{
    let mut sums = totals();
    let arrivals = arrivals.into_iter().map(Ok::<_, Never>);
    let seen = Simulation::new(layers)
        .run(arrivals, |ended| {
            // What the layers say of each call adds up.
            let (baseline, paid) = (ended.report.baseline_cost(), ended.report.paid().exact());
            if let (Ok(_), Some(baseline), Some(paid)) = (ended.result, baseline, paid) {
                let parts = paid
                    + match ended
                        .report
                        .cache
                        .as_ref()
                        .is_some_and(|of| of.status.is_hit())
                    {
                        true => ended.report.saved_by_cache().unwrap(),
                        false => ended.report.saved_by_route().unwrap(),
                    };
                assert_eq!(baseline, parts);
            }
            sums.add(&ended);
        })
        .unwrap();
    sums.settle(&seen);
    assert_eq!(seen.paid.known, sums.paid.known + sums.paid_outside);
    sums
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn figures_are_those_that_were_worked_out_by_hand() {
    // 1,000 tokens in and 500 out: 0.002 dollars on the cheap route, 0.025 on the premium one.
    let easy = question(
        2,
        outcome(1000, 500, 100, 1.0),
        outcome(1000, 500, 900, 1.0),
    );
    let hard = question(
        3,
        outcome(1000, 500, 100, 0.0),
        outcome(1000, 500, 900, 1.0),
    );
    let layers = layers();
    let sums = run(
        &layers,
        vec![
            at(0, &easy),      // a miss: 0.1 s
            at(50, &easy),     // joins it: 0.05 s
            at(1_000, &hard),  // a miss: 0.9 s
            at(5_000, &easy),  // a hit: at once
            at(5_000, &hard),  // a hit: at once
            at(70_000, &easy), // too old: a miss
        ],
    );
    assert_eq!(
        (sums.calls, sums.answered, sums.cut, sums.failed),
        (6, 6, 0, 0)
    );
    assert_eq!((sums.hits, sums.coalesced, sums.misses), (3, 1, 3));
    assert_eq!(sums.by_route, [2, 1]);
    assert_eq!(sums.baseline.exact(), Some(usd("0.150")));
    assert_eq!(sums.paid.exact(), Some(usd("0.029")));
    // Two hits of 0.002 and one of 0.025; the router saved 0.023 twice; the hits on cheap answers saved 0.023 more than they had cost.
    assert_eq!(sums.saved_by_cache, usd("0.029"));
    assert_eq!(sums.saved_by_router, usd("0.046"));
    assert_eq!(sums.saved_besides, usd("0.046"));
    assert_eq!(sums.mean_quality(), Some(1.0));
    assert_eq!((sums.quality_first, sums.quality_baseline), (4.0, 6.0));
    assert_eq!(sums.latency(0.5), Duration::from_millis(50));
    assert_eq!(sums.latency(1.0), Duration::from_millis(900));
}

#[test]
fn sums_are_those_of_the_layers_to_the_pico_dollar() {
    let judge = ModelledJudge {
        detection: 0.8,
        false_alarm: 0.2,
        seed: 7,
    };
    let layers = judged(judge);
    let sums = run(&layers, crowd(5_000));
    let cache = layers.cache.as_ref().unwrap().stats();
    let router = layers.router.as_ref().unwrap().stats();
    let timeout = layers.timeout.as_ref().unwrap().stats();
    assert_eq!(sums.calls, 5_000);
    assert_eq!(sums.calls, cache.calls());
    assert_eq!((sums.hits, sums.coalesced), (cache.hits, cache.coalesced));
    let with_left = cache.misses + cache.cancelled;
    assert!((cache.misses..=with_left).contains(&sums.misses));
    assert_eq!(sums.saved_by_cache, cache.saved);
    assert_eq!(sums.saved_by_router + sums.saved_by_cascade, router.saved());
    assert_eq!(
        sums.attempts,
        router.routes.iter().map(|of| of.attempts).sum::<u64>()
    );
    assert_eq!(sums.cut, timeout.failures);
    assert_eq!(sums.answered + sums.failed, timeout.successes);
    // Each of these is there, or the test shows nothing.
    let cascades = router.route("premium").unwrap().decisions(Reason::Cascade);
    assert!(sums.cut > 10 && sums.failed > 10 && sums.coalesced > 10 && cascades > 10);
    assert!(sums.saved_by_cascade > Usd::ZERO);
    assert!(sums.unknown_savings > 0);
}

#[test]
fn the_same_calls_give_the_same_figures() {
    let judge = ModelledJudge {
        detection: 0.5,
        false_alarm: 0.5,
        seed: 1,
    };
    let shown = || format!("{:?}", run(&judged(judge), crowd(1_000)));
    assert_eq!(shown(), shown());
}

#[test]
fn a_judge_is_as_good_as_it_says() {
    let judge = ModelledJudge {
        detection: 0.8,
        false_alarm: 0.1,
        seed: 3,
    };
    let share = |quality: f32| {
        let sent_back = (0..20_000_u128)
            .filter(|key| judge.verdict(*key, Some(quality)) == obs_router::Verdict::Escalate);
        sent_back.count() as f64 / 20_000.0
    };
    assert!((share(0.0) - 0.8).abs() < 0.01);
    assert!((share(1.0) - 0.1).abs() < 0.01);
    assert_eq!(judge.verdict(1, None), obs_router::Verdict::Accept);
}

#[test]
fn an_hour_of_waiting_takes_no_time() {
    let slow = question(2, outcome(1, 1, 5_000, 1.0), outcome(1, 1, 5_000, 1.0));
    let other = question(4, outcome(1, 1, 5_000, 1.0), outcome(1, 1, 5_000, 1.0));
    let sums = run(&layers(), vec![at(0, &slow), at(3_600_000, &other)]);
    assert_eq!(sums.latency(1.0).as_secs(), 5);
    assert_eq!(sums.answered, 2);
}

/// Many calls: repeats, faults, calls that take too long, usage that nobody told.
fn crowd(calls: u64) -> Vec<Arrival> {
    let questions: Vec<Arc<_>> = (0..700_u64)
        .map(|n| {
            let took = match n % 11 {
                0 => 30_000,
                of => of * 200,
            };
            let mut cheap = outcome(
                100 + n * 7 % 900,
                50 + n * 3 % 300,
                took / 2,
                f32::from(u8::from(n % 3 > 0)),
            );
            let mut premium = outcome(
                100 + n * 7 % 900,
                60 + n * 5 % 400,
                took,
                f32::from(u8::from(n % 7 > 0)),
            );
            if n % 13 == 0 {
                cheap.error = Some(ErrorKind::Upstream);
            }
            if n % 26 == 0 {
                premium.error = Some(ErrorKind::Overloaded);
            }
            if n % 37 == 0 {
                cheap = Outcome {
                    usage: None,
                    ..cheap
                };
            }
            question(u128::from(n), cheap, premium)
        })
        .collect();
    (0..calls)
        .map(|call| at(call * 37, &questions[(call * call % 701 % 700) as usize]))
        .collect()
}
