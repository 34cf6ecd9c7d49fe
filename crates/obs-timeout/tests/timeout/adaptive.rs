//! Limits that are learned from how long models take.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::common::{Ask, MS, Reply, S, Tok, ask, elapsed, timed};
use futures_util::{FutureExt, StreamExt};
use obs_core::{Call, Error, ErrorKind, Limit, Operation};
use obs_timeout::{Adaptive, AttemptLimits, AttemptTimeoutLayer, Learned};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, ServiceExt, service_fn};

/// What 99 in 100 take, twice, from 20 samples on.
fn adaptive() -> Adaptive {
    Adaptive::percentile(99.0)
        .factor(2.0)
        .floor(100 * MS)
        .warm_up(20)
}

fn layer(adaptive: Adaptive) -> AttemptTimeoutLayer {
    AttemptTimeoutLayer::new()
        .first_token(30 * S)
        .adaptive_first_token(adaptive)
}

/// A streamed call whose first content would come after so long; and when it came, or that it was cut.
async fn stream(
    layer: &AttemptTimeoutLayer,
    model: &'static str,
    ms: u64,
) -> Result<Duration, Duration> {
    let start = Instant::now();
    let inner = service_fn(move |_: Call<Ask>| async move {
        sleep(Duration::from_millis(ms / 2)).await;
        Ok::<_, Error>(timed([
            (0, Tok::Head),
            (ms.div_ceil(2), Tok::Word("a")),
            (0, Tok::Stop),
        ]))
    });
    let first = async {
        let mut chunks = layer.layer(inner).oneshot(ask(model, true)).await?.chunks();
        chunks.next().await.expect("a head")?;
        chunks.next().await.expect("content")
    };
    match first.await {
        Ok(_) => Ok(start.elapsed()),
        Err(error) => {
            assert_eq!(elapsed(&error).0, Limit::FirstToken);
            assert_eq!(elapsed(&error).1, start.elapsed());
            Err(start.elapsed())
        }
    }
}

/// What is known of this model.
fn known(layer: &AttemptTimeoutLayer, model: &str) -> Learned {
    let all = layer.learned();
    let of = all.iter().find(|learned| &*learned.model == model);
    of.unwrap_or_else(|| panic!("{model} in {all:?}")).clone()
}

fn time(layer: &AttemptTimeoutLayer, model: &str) -> Duration {
    known(layer, model).time.expect("a limit")
}

/// Equal to one part in a hundred.
#[track_caller]
fn about(a: Duration, b: Duration) {
    assert!(a.abs_diff(b) <= b / 100, "{a:?} is not {b:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_converges_to_what_the_model_takes() {
    let layer = layer(adaptive());
    for n in 0..19 {
        assert_eq!(
            stream(&layer, "m", 500 + n).await,
            Ok(Duration::from_millis(500 + n))
        );
        assert_eq!(time(&layer, "m"), 30 * S, "not yet warm");
    }
    for n in 0..500 {
        stream(&layer, "m", 500 + n % 100).await.expect("in time");
    }
    about(time(&layer, "m"), 2 * 598 * MS);
    let of = known(&layer, "m");
    assert_eq!(
        (of.operation, of.phase, of.samples),
        (Operation::Chat, Limit::FirstToken, 519)
    );
    about(of.percentile.expect("samples"), 598 * MS);
    let cut = stream(&layer, "m", 9_000)
        .await
        .expect_err("too slow by now");
    about(cut, 2 * 598 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_limit_follows_a_model_that_becomes_slower_though_every_attempt_is_cut() {
    let layer = layer(adaptive());
    for _ in 0..300 {
        stream(&layer, "m", 500).await.expect("in time");
    }
    about(time(&layer, "m"), S);
    // Ten times as slow: above the limit.
    let mut cut = 0;
    while stream(&layer, "m", 5_000).await.is_err() {
        cut += 1;
        assert!(cut < 40, "the limit stays at {:?}", time(&layer, "m"));
    }
    // One in a hundred for each time that it is doubled, and not the first one: one is no trend.
    assert!(cut >= 3, "{cut}");
    for _ in 0..100 {
        stream(&layer, "m", 5_000).await.expect("long enough");
    }
    about(time(&layer, "m"), 10 * S);
    // And faster again, once the slow ones are forgotten.
    advance(Duration::from_secs(400)).await;
    for _ in 0..100 {
        stream(&layer, "m", 500).await.expect("in time");
    }
    advance(Duration::from_secs(400)).await;
    for _ in 0..20 {
        stream(&layer, "m", 500).await.expect("in time");
    }
    about(time(&layer, "m"), S);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_always_slower_than_the_fixed_limit_raises_it_up_to_the_ceiling() {
    let layer = AttemptTimeoutLayer::new()
        .first_token(S)
        .adaptive_first_token(adaptive().ceiling(10 * S));
    let mut limits = Vec::new();
    for _ in 0..40 {
        match stream(&layer, "m", 5_000).await {
            Ok(_) => break,
            Err(limit) => limits.push(limit.as_millis()),
        }
    }
    assert!(limits.len() < 40, "{limits:?}");
    assert_eq!(limits[..20], [1_000; 20], "while it is not warm");
    // Each limit is twice what came before it, and a little more.
    assert!(
        limits[20..].iter().all(|limit| *limit > 2_000),
        "{limits:?}"
    );
    for _ in 0..40 {
        let _ = stream(&layer, "m", 20_000).await;
    }
    assert_eq!(time(&layer, "m"), 10 * S);
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_now_and_then_does_not_move_the_limit() {
    // One in two hundred never answers: the limit neither shrinks nor grows.
    let layer = layer(adaptive());
    for n in 0..4_000 {
        let ms = if n % 200 == 199 {
            60_000
        } else {
            400 + n % 200
        };
        let _ = stream(&layer, "m", ms).await;
        if n > 400 {
            let now = time(&layer, "m");
            assert!((1_180 * MS..1_220 * MS).contains(&now), "{now:?} after {n}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_never_under_the_floor_nor_over_the_ceiling() {
    let bounded = adaptive().floor(S).ceiling(3 * S);
    let layer = layer(bounded);
    assert!(
        stream(&layer, "m", 20_000).await.is_ok(),
        "the fixed one holds until it is warm"
    );
    for _ in 0..200 {
        stream(&layer, "fast", 1).await.expect("in time");
    }
    assert_eq!(time(&layer, "fast"), S);
    stream(&layer, "fast", 999).await.expect("within the floor");
    for _ in 0..200 {
        let _ = stream(&layer, "slow", 2_900).await;
    }
    assert_eq!(time(&layer, "slow"), 3 * S);
    assert_eq!(stream(&layer, "slow", 3_100).await, Err(3 * S));
    // The fixed one is the ceiling where there is no other.
    let layer = AttemptTimeoutLayer::new()
        .first_token(700 * MS)
        .adaptive_first_token(adaptive());
    for _ in 0..200 {
        stream(&layer, "m", 600).await.expect("in time");
    }
    assert_eq!(time(&layer, "m"), 700 * MS);
    // The ceiling holds where nothing is fixed.
    let layer = AttemptTimeoutLayer::new().adaptive_first_token(bounded);
    assert_eq!(stream(&layer, "m", 4_000).await, Err(3 * S));
}

#[tokio::test(start_paused = true)]
async fn a_slow_model_and_another_operation_do_not_affect_a_fast_one() {
    let layer = layer(adaptive());
    for _ in 0..100 {
        stream(&layer, "fast", 200).await.expect("in time");
        stream(&layer, "slow", 8_000).await.expect("in time");
    }
    about(time(&layer, "fast"), 400 * MS);
    about(time(&layer, "slow"), 16 * S);
    let mut call = ask("fast", true);
    call.request.operation = Operation::TextCompletion;
    let inner = service_fn(|_: Call<Ask>| async {
        sleep(20 * S).await;
        Ok::<_, Error>(timed([(0, Tok::Word("a"))]))
    });
    let reply = layer.layer(inner).oneshot(call).await;
    assert!(
        reply
            .expect("the fixed limit")
            .chunks()
            .next()
            .await
            .is_some()
    );
    about(time(&layer, "fast"), 400 * MS);
    let order: Vec<_> = layer
        .learned()
        .iter()
        .map(|l| (l.operation, l.model.clone()))
        .collect();
    let (chat, text) = (Operation::Chat, Operation::TextCompletion);
    assert_eq!(
        order,
        [
            (chat, "fast".into()),
            (chat, "slow".into()),
            (text, "fast".into())
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_model_with_a_value_of_its_own_has_it_until_more_is_known_and_as_its_ceiling() {
    let layer = layer(adaptive()).for_model("o3", AttemptLimits::new().first_token(60 * S));
    stream(&layer, "o3", 50_000).await.expect("within its own");
    assert_eq!(time(&layer, "o3"), 60 * S);
    for _ in 0..30 {
        stream(&layer, "o3", 50_000).await.expect("within its own");
    }
    assert_eq!(time(&layer, "o3"), 60 * S);
}

/// What is recorded of attempts that end otherwise, beside a hundred that take half a second.
async fn recorded(end: impl AsyncFn(&AttemptTimeoutLayer)) -> u64 {
    let layer = layer(adaptive());
    for _ in 0..100 {
        stream(&layer, "m", 500).await.expect("in time");
    }
    end(&layer).await;
    known(&layer, "m").samples - 100
}

#[tokio::test(start_paused = true)]
async fn quick_failures_and_callers_who_leave_early_say_nothing_and_late_ones_do() {
    async fn fails(layer: &AttemptTimeoutLayer, ms: u64) {
        let inner = service_fn(move |_: Call<Ask>| async move {
            sleep(Duration::from_millis(ms)).await;
            Err::<Reply, _>(Error::new(ErrorKind::RateLimited, "no"))
        });
        let error = layer.layer(inner).oneshot(ask("m", true)).await;
        assert_eq!(error.expect_err("refused").kind(), ErrorKind::RateLimited);
    }
    async fn leaves(layer: &AttemptTimeoutLayer, after: Duration) {
        assert!(
            tokio::time::timeout(after, stream(layer, "m", 900))
                .await
                .is_err()
        );
    }
    assert_eq!(recorded(async |layer| fails(layer, 5).await).await, 0);
    assert_eq!(recorded(async |layer| fails(layer, 800).await).await, 1);
    assert_eq!(
        recorded(async |layer| leaves(layer, 100 * MS).await).await,
        0
    );
    assert_eq!(
        recorded(async |layer| leaves(layer, 800 * MS).await).await,
        1
    );
    // Cut by its own limit: recorded once, at the limit.
    assert_eq!(
        recorded(async |layer| {
            assert!(stream(layer, "m", 5_000).await.is_err());
        })
        .await,
        1
    );
    // A name that no model answers to takes no place.
    let layer = layer(adaptive());
    fails(&layer, 5).await;
    assert!(layer.learned().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_is_over_then_and_not_when_its_reader_lets_go() {
    let count = recorded(async |layer| {
        let inner = service_fn(|_: Call<Ask>| async {
            let failed = futures_util::stream::iter([Err(Error::new(ErrorKind::CutOff, "no"))]);
            Ok::<_, Error>(Reply::Stream(obs_core::ChunkStream::new(failed)))
        });
        let reply = layer.layer(inner).oneshot(ask("m", true)).await;
        let mut chunks = reply.expect("a head").chunks();
        assert!(chunks.next().await.expect("open").is_err());
        advance(S).await;
        drop(chunks);
    });
    assert_eq!(count.await, 0);
}

#[tokio::test(start_paused = true)]
async fn whole_attempts_are_learned_from_streams_and_plain_answers_alike() {
    let layer = AttemptTimeoutLayer::new()
        .attempt(60 * S)
        .adaptive_attempt(adaptive());
    let took = Arc::new(AtomicU64::new(0));
    let inner = service_fn({
        let took = took.clone();
        move |call: Call<Ask>| {
            let ms = took.load(Relaxed);
            async move {
                if call.request.streams {
                    return Ok::<_, Error>(timed([(ms / 2, Tok::Word("a")), (ms / 2, Tok::Stop)]));
                }
                sleep(Duration::from_millis(ms)).await;
                Ok(Reply::Whole("hi"))
            }
        }
    });
    let svc = layer.layer(inner);
    for n in 0..100 {
        let streams = n % 2 == 0;
        took.store(if streams { 3_000 } else { 2_000 }, Relaxed);
        let reply = svc
            .clone()
            .oneshot(ask("m", streams))
            .await
            .expect("in time");
        if streams {
            // Who leaves after the finish reason has the whole answer.
            let mut chunks = reply.chunks();
            while !matches!(chunks.next().await, Some(Ok(Tok::Stop))) {}
        }
    }
    about(time(&layer, "m"), 6 * S);
    assert_eq!(known(&layer, "m").phase, Limit::Attempt);
    assert_eq!(known(&layer, "m").samples, 100);
    took.store(10_000, Relaxed);
    let error = svc.oneshot(ask("m", false)).await.expect_err("too slow");
    assert_eq!(elapsed(&error).0, Limit::Attempt);
    about(elapsed(&error).1, 6 * S);
}

#[tokio::test(start_paused = true)]
async fn so_many_models_are_told_apart_until_one_is_not_heard_of_any_more() {
    let layer = layer(adaptive().models(2).warm_up(1));
    for model in ["a", "b", "c"] {
        stream(&layer, model, 500).await.expect("in time");
    }
    let models = |layer: &AttemptTimeoutLayer| -> Vec<_> {
        layer
            .learned()
            .iter()
            .map(|of| of.model.to_string())
            .collect()
    };
    assert_eq!(models(&layer), ["a", "b"]);
    stream(&layer, "c", 20_000)
        .await
        .expect("the fixed limit holds for it");
    advance(Duration::from_secs(400)).await;
    stream(&layer, "a", 500).await.expect("in time");
    advance(Duration::from_secs(400)).await;
    stream(&layer, "c", 500).await.expect("in time");
    assert_eq!(models(&layer), ["a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn all_services_of_a_layer_and_its_clones_learn_together() {
    let layer = layer(adaptive());
    let other = layer.clone().idle(S);
    for _ in 0..50 {
        stream(&layer, "m", 500).await.expect("in time");
        stream(&other, "m", 700).await.expect("in time");
    }
    about(time(&layer, "m"), 1_400 * MS);
    assert_eq!(layer.learned(), other.learned());
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_chosen_when_the_attempt_begins() {
    let layer = layer(adaptive());
    let waiting = stream(&layer, "m", 25_000).boxed_local();
    let waiting = Mutex::new(waiting);
    assert!(waiting.lock().unwrap().as_mut().now_or_never().is_none());
    for _ in 0..30 {
        stream(&layer, "m", 100).await.expect("in time");
    }
    about(time(&layer, "m"), 200 * MS);
    let waiting = waiting.into_inner().unwrap();
    assert!(waiting.await.is_ok(), "the limit that it began with holds");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    type Make = fn() -> AttemptTimeoutLayer;
    let wrong: [(Make, &str); 6] = [
        (|| layer(Adaptive::percentile(0.0)), "above 0 and below 100"),
        (
            || layer(Adaptive::percentile(100.0)),
            "above 0 and below 100",
        ),
        (
            || layer(Adaptive::percentile(f64::NAN)),
            "above 0 and below 100",
        ),
        (|| layer(adaptive().factor(0.9)), "from 1 on"),
        (|| layer(adaptive().factor(1.05)), "1.1 or more"),
        (|| layer(adaptive().ceiling(Duration::ZERO)), "above zero"),
    ];
    for (make, expected) in wrong {
        let panic = std::panic::catch_unwind(make).expect_err(expected);
        let text = panic.downcast::<&str>().expect("text");
        assert!(text.contains(expected), "{text}");
    }
    assert!(std::panic::catch_unwind(|| adaptive().window(Duration::from_millis(2))).is_err());
}
