//! Random stacks and traffic: counters, journals and the ledger agree to the pico-dollar.
use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, stream};
use obs_apm::ApmLayer;
use obs_cache::{CacheLayer, Clock, Memory};
use obs_core::*;
use obs_ledger::{Entry, LedgerLayer, Outcome, Record};
use obs_metrics::Metrics;
use obs_router::{Both, Consistency, Decision, Reason, Retries, Route, RouterLayer, Verdict};
use obs_tests::chat::{Answer, Ask, hi, prices, stop, text, used};
use obs_timeout::{AttemptTimeoutLayer, HedgeLayer, TimeoutLayer};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use crate::{
    random_faults::Dice,
    support::{S, Stack},
};

const CALLS: u64 = 12;

/// What all runs together have shown, so that a side that the dice never show is noticed.
#[derive(Debug, Default)]
struct Seen {
    hits: usize,
    stale: usize,
    coalesced: usize,
    works: usize,
    unknown: usize,
    losses: usize,
    escalated: usize,
    second: usize,
    hedged: usize,
    cancelled: usize,
    timed_out: usize,
    failed: usize,
    exact: usize,
    routed: usize,
}

/// Three models: `odd` has no price.
fn routes(dice: &mut Dice) -> Vec<Route> {
    let mut routes = vec![Route::new("cheap").model("small")];
    if dice.roll(3) == 0 {
        routes.push(Route::new("odd").model("odd"));
    }
    routes.push(Route::new("premium").model("big"));
    routes
}

fn model(dice: Dice) -> Stack {
    let dice = Arc::new(Mutex::new(dice));
    let inner = service_fn(move |ask: Ask| {
        let dice = dice.clone();
        let roll = move |sides| dice.lock().expect("no panic in it").roll(sides);
        let (first, fate) = (roll(1000), roll(1000));
        async move {
            sleep(Duration::from_millis(first)).await;
            match fate {
                0..120 => return Err(Error::new(ErrorKind::Overloaded, "busy")),
                120..150 => return Err(Error::new(ErrorKind::Caller, "bad")),
                150..180 => sleep(90 * S).await,
                _ if !ask.stream => return Ok(hi(false)),
                _ => {}
            }
            let mut chunks = [text("h"), text("i"), stop(), used(10)].map(Ok).to_vec();
            if fate < 300 {
                chunks[(fate % 4) as usize] = Err(Error::new(ErrorKind::CutOff, "cut"));
            } else if fate < 340 {
                chunks.pop();
            }
            let chunks = stream::iter(chunks).then(move |chunk| {
                let pause = roll(400);
                async move {
                    sleep(Duration::from_millis(pause)).await;
                    chunk
                }
            });
            Ok(Answer::from_stream(ChunkStream::new(chunks)))
        }
    });
    Stack::new(AttemptLayer::new(prices()).layer(inner))
}

async fn run(seed: u64, seen: &mut Seen) {
    let mut dice = Dice(seed);
    let off = Metrics::disabled();
    let entries = Arc::new(Mutex::new(Vec::<Entry>::new()));
    let kept = entries.clone();
    let ledger = LedgerLayer::new(move |record| match record {
        Record::Call(entry) => kept.lock().expect("no panic in it").push(*entry),
        Record::Feedback(_) => {}
    });
    let background = Background::new(64);
    let began = Instant::now();
    let clock = Clock::new(move || -> SystemTime { UNIX_EPOCH + began.elapsed() });
    let cache = CacheLayer::new(Memory::new(1 << 20))
        .clock(clock)
        .ttl(Duration::from_millis(500 + dice.roll(2000)))
        .stale_while_revalidate(5 * S, background.clone())
        .stale_if_error(5 * S)
        .metrics(&off);
    let choices = Mutex::new(Dice(seed ^ 1));
    let policy =
        move |_: &Ask, _: &CallContext| match choices.lock().expect("no panic in it").roll(3) {
            0 => Decision::new("premium", Reason::Complex),
            _ => Decision::new("cheap", Reason::Simple),
        };
    let verdicts = Arc::new(Mutex::new(Dice(seed ^ 2)));
    let judge = move |_: &Call<Ask>, _: &Answer| {
        let poor = verdicts.lock().expect("no panic in it").roll(4) == 0;
        let verdict = if poor {
            Verdict::Escalate
        } else {
            Verdict::Accept
        };
        async move { verdict }
    };
    let commit = match dice.roll(3) {
        0 => Commit::Complete,
        1 => Commit::Tokens(2),
        _ => Commit::FirstContent,
    };
    let retries = Retries::new(dice.roll(3) as u32);
    let baseline = if dice.roll(3) == 0 {
        "cheap"
    } else {
        "premium"
    };
    let router = RouterLayer::new(policy, routes(&mut dice))
        .baseline(baseline)
        .commit(commit)
        .retries(retries)
        .metrics(&off);
    let apm = ApmLayer::new().metrics(&off).no_spans();
    let limits = AttemptTimeoutLayer::new().first_token(20 * S).idle(20 * S);
    let hedge = HedgeLayer::new(Duration::from_millis(600))
        .share(1.0)
        .metrics(&off);
    let attempts = limits.layer(model(Dice(seed ^ 3)));
    let attempts = match dice.roll(2) {
        0 => Stack::new(hedge.layer(attempts)),
        _ => Stack::new(attempts),
    };
    let routed;
    let router_stats: Box<dyn Fn() -> obs_router::Stats> = match dice.roll(3) {
        0 => {
            let judged = router.judge(judge);
            routed = Stack::new(judged.layer(attempts));
            Box::new(move || judged.stats())
        }
        1 => {
            // A second answer is asked for, which is paid whatever is thought of it.
            let again = Consistency::new(attempts.clone());
            let opinions = Mutex::new(Dice(seed ^ 4));
            let again = again.by(move |_, _| opinions.lock().expect("no panic in it").roll(3) > 0);
            let judged = router.judge(Both::new(judge, again));
            routed = Stack::new(judged.layer(attempts));
            Box::new(move || judged.stats())
        }
        _ => {
            routed = Stack::new(router.layer(attempts));
            Box::new(move || router.stats())
        }
    };
    let cached = match dice.roll(4) {
        0 => routed,
        _ => Stack::new(cache.layer(routed)),
    };
    let service = ServiceBuilder::new()
        .layer(ledger.clone())
        .layer(apm.clone())
        .layer(TimeoutLayer::new(60 * S).metrics(&off))
        .service(cached);

    let mut journals = Vec::new();
    let mut tasks = Vec::new();
    for at in 0..CALLS {
        let mut call = obs_tests::chat::ask(dice.roll(2) == 0);
        if dice.roll(4) == 0 {
            let time = Duration::from_millis(300 + dice.roll(2000));
            call = call.deadline(Deadline::after(time, Duration::ZERO));
        }
        if dice.roll(8) == 0 {
            call = call.cache(CacheDirectives::parse("no-store").expect("is one"));
        }
        call.request.prompt = dice.roll(3).to_string();
        call.context.id = Some(at.to_string().into());
        journals.push(call.journal());
        let service = service.clone();
        let (start, leave, reads) = (dice.roll(6000), dice.roll(8000), dice.roll(9));
        tasks.push(tokio::spawn(async move {
            sleep(Duration::from_millis(start)).await;
            let work = async {
                let Ok(Answer::Stream(mut chunks)) = service.oneshot(call).await else {
                    return;
                };
                for _ in 0..reads {
                    if chunks.next().await.is_none() {
                        break;
                    }
                }
            };
            let _ = timeout(Duration::from_millis(leave), work).await;
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    assert!(background.drain(300 * S).await);
    let reports: Vec<_> = journals.iter().map(Journal::read).collect();
    // Who holds a journal may still hear of attempts in it.
    drop((service, journals));
    ledger.settle();
    let entries = std::mem::take(&mut *entries.lock().expect("no panic in it"));

    // Each call has one entry, and it says what the journal says.
    for (at, report) in reports.iter().enumerate() {
        let mut of = entries
            .iter()
            .filter(|e| !e.work && *e.call == *at.to_string());
        let entry = of.next().expect("an entry");
        assert!(of.next().is_none(), "{seed}: one");
        compare(seed, entry, report);
        look(entry, seen);
    }
    let works = entries.iter().filter(|entry| entry.work).count();
    assert_eq!(entries.len(), reports.len() + works);
    seen.works += works;

    // All together they say what the layers counted.
    let counted = apm.stats();
    let paid: Paid = entries.iter().map(Entry::paid).sum();
    assert_eq!(paid, counted.paid, "{seed}: paid");
    let attempts: usize = entries.iter().map(|entry| entry.attempts.len()).sum();
    assert_eq!(attempts as u64, counted.attempts, "{seed}: attempts");
    let cached: Usd = entries
        .iter()
        .filter_map(|entry| entry.saved_by_cache)
        .sum();
    assert_eq!(cached, cache.stats().saved, "{seed}: saved by cache");
    let count = |outcome| {
        let of = |entry: &&Entry| !entry.work && entry.outcome == outcome;
        entries.iter().filter(of).count() as u64
    };
    assert_eq!(count(Outcome::Answered), counted.success, "{seed}");
    assert_eq!(count(Outcome::Failed), counted.error, "{seed}");
    assert_eq!(count(Outcome::TimedOut), counted.timeout, "{seed}");
    assert_eq!(count(Outcome::Cancelled), counted.cancelled, "{seed}");
    // The router counts an answer that it gave out whole, also where the caller left with the last token still to be read, and what
    // a refresh saved: neither is a saving of a call.
    let plain = |e: &Entry| !e.work && (e.outcome == Outcome::Answered || e.chosen().is_none());
    if entries.iter().all(plain) {
        let saved: Usd = entries.iter().filter_map(|e| e.saved_by_router).sum();
        assert_eq!(saved, router_stats().saved(), "{seed}: saved by router");
        seen.routed += 1;
    }
}

fn compare(seed: u64, entry: &Entry, report: &Report) {
    assert_eq!(entry.paid(), report.paid(), "{seed}: {entry:?}");
    assert_eq!(entry.attempts.len(), report.attempts.len(), "{seed}");
    assert_eq!(entry.saved_by_cache, report.saved_by_cache(), "{seed}");
    let costs: Paid = entry.attempts.iter().map(|attempt| attempt.cost).sum();
    assert_eq!(costs, entry.paid(), "{seed}");
    let chosen = entry.attempts.iter().filter(|attempt| attempt.chosen);
    assert!(chosen.count() <= 1, "{seed}");
    if entry.outcome == Outcome::Answered {
        assert_eq!(entry.saved_by_router, report.saved_by_route(), "{seed}");
    } else {
        assert_eq!(
            entry.saved_by_router, None,
            "{seed}: nothing is saved by a failure"
        );
    }
    if let (Some(baseline), Some(paid)) = (entry.baseline, entry.paid().exact()) {
        let saved = entry.saved().unwrap_or_default();
        assert_eq!(baseline, paid + saved, "{seed}: {entry:?}");
    }
    if entry.unknown_costs > 0 {
        assert_eq!(
            entry.saved_by_router, None,
            "{seed}: no saving of unknown size"
        );
    }
}

fn look(entry: &Entry, seen: &mut Seen) {
    let status = entry.cache.as_ref().map(|cached| &*cached.status);
    let is = |condition| usize::from(condition);
    seen.hits += is(status == Some("hit"));
    seen.stale += is(status == Some("stale"));
    seen.coalesced += is(status == Some("coalesced"));
    seen.unknown += is(entry.unknown_costs > 0);
    seen.losses += is(entry.saved_by_router.is_some_and(|usd| usd < Usd::ZERO));
    let by = |purpose| entry.attempts.iter().any(|attempt| attempt.is(purpose));
    seen.escalated += is(by(Purpose::Escalation));
    seen.second += is(by(Purpose::Judge));
    seen.hedged += is(by(Purpose::Hedge));
    seen.cancelled += is(entry.outcome == Outcome::Cancelled);
    seen.timed_out += is(entry.outcome == Outcome::TimedOut);
    seen.failed += is(entry.outcome == Outcome::Failed);
    seen.exact += is(entry.baseline.is_some());
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_the_ledger_is_what_was_counted() {
    let mut seen = Seen::default();
    for seed in 0..300 {
        run(seed * 7_919 + 1, &mut seen).await;
    }
    let Seen {
        hits,
        stale,
        coalesced,
        works,
        unknown,
        losses,
        escalated,
        second,
        hedged,
        cancelled,
        timed_out,
        failed,
        exact,
        routed,
    } = seen;
    let all = [
        hits, stale, coalesced, works, unknown, losses, escalated, second, hedged, cancelled,
        timed_out, failed, exact, routed,
    ];
    assert!(
        all.iter().all(|count| *count > 20),
        "the dice show every side: {seen:?}"
    );
}
