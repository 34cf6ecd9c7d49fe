//! How many second attempts there are at most, and when they are due.
use std::time::Duration;

use super::{Model, Step, quiet};
use crate::common::{MS, Reply, S, Tok, call, timed};
use futures_util::StreamExt;
use obs_core::{Call, Error, Usd};
use obs_timeout::{Adaptive, HedgeLayer, Refusal};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit};

fn usd(text: &str) -> Usd {
    text.parse().expect("an amount")
}

fn whole() -> Result<Reply, Error> {
    Ok(Reply::Billed)
}

const SLOW: [Step; 2] = [(9_000, whole), (500, whole)];

/// Whether a call is hedged whose first attempt takes nine seconds.
async fn is_hedged(layer: &HedgeLayer, model: &Model) -> bool {
    let (start, before) = (Instant::now(), layer.stats().started);
    model.steps.lock().unwrap().clear();
    model.script(SLOW);
    assert!(model.under(layer).oneshot(call(false)).await.is_ok());
    let hedged = layer.stats().started > before;
    assert_eq!(start.elapsed(), if hedged { 2_500 * MS } else { 9 * S });
    hedged
}

#[tokio::test(start_paused = true)]
async fn one_call_in_so_many_is_hedged_and_a_few_at_once() {
    let layer = quiet(2 * S).plain(2 * S).share(0.1).burst(3);
    let model = Model::default();
    let mut hedged = Vec::new();
    for n in 0..100 {
        if is_hedged(&layer, &model).await {
            hedged.push(n);
        }
    }
    // The burst, and then every tenth call.
    assert_eq!(hedged[..3], [0, 1, 2]);
    assert_eq!(hedged.len(), 3 + 9, "{hedged:?}");
    assert!(
        hedged[3..].windows(2).all(|two| two[1] - two[0] == 10),
        "{hedged:?}"
    );
    let stats = layer.stats();
    assert_eq!(stats.refused_by(Refusal::Share), 88);
    assert_eq!(stats.started, 12);
}

#[tokio::test(start_paused = true)]
async fn five_in_a_hundred_are_hedged_unless_told() {
    let layer = quiet(2 * S).plain(2 * S);
    let model = Model::default();
    let mut hedged = 0;
    for _ in 0..400 {
        hedged += usize::from(is_hedged(&layer, &model).await);
    }
    assert!((10 + 19..=10 + 20).contains(&hedged), "{hedged}");
}

#[tokio::test(start_paused = true)]
async fn fast_calls_earn_what_slow_ones_spend() {
    let layer = quiet(2 * S).plain(2 * S).share(0.5).burst(1);
    let model = Model::default();
    assert!(is_hedged(&layer, &model).await);
    assert!(!is_hedged(&layer, &model).await);
    for _ in 0..2 {
        model.steps.lock().unwrap().clear();
        model.script([(10, whole)]);
        assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    }
    assert!(is_hedged(&layer, &model).await);
}

#[tokio::test(start_paused = true)]
async fn second_attempts_cost_no_more_than_may_be_spent() {
    // Each answer costs $0.00012.
    let layer = quiet(2 * S)
        .plain(2 * S)
        .share(1.0)
        .dollars(usd("0.0003"), 3_600 * S);
    let model = Model::default();
    assert!(
        !is_hedged(&layer, &model).await,
        "nobody knows what it would cost"
    );
    assert_eq!(layer.stats().refused_by(Refusal::Unpriced), 1);
    assert!(is_hedged(&layer, &model).await);
    assert!(is_hedged(&layer, &model).await);
    assert!(
        !is_hedged(&layer, &model).await,
        "a third one would be $0.00036"
    );
    assert_eq!(layer.stats().refused_by(Refusal::Dollars), 1);
    // What was spent is forgiven with time: $0.0001 in twenty minutes.
    advance(1_200 * S).await;
    assert!(is_hedged(&layer, &model).await);
    assert!(!is_hedged(&layer, &model).await);
    // It is not saved up.
    for _ in 0..3 {
        advance(999 * 3_600 * S).await;
        model.steps.lock().unwrap().clear();
        model.script([(10, whole)]);
        assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    }
    assert!(is_hedged(&layer, &model).await);
    assert!(is_hedged(&layer, &model).await);
    assert!(!is_hedged(&layer, &model).await);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_that_was_cancelled_counts_as_much_as_others_cost() {
    let layer = quiet(2 * S)
        .plain(2 * S)
        .share(1.0)
        .dollars(usd("0.0003"), 3_600 * S);
    let model = Model::new([
        (100, whole),
        (2_100, whole),
        (500, whole),
        (2_100, whole),
        (500, whole),
    ]);
    for _ in 0..3 {
        assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    }
    assert_eq!(layer.stats().lost, 2);
    assert!(!is_hedged(&layer, &model).await);
    assert_eq!(layer.stats().refused_by(Refusal::Dollars), 1);
}

#[tokio::test(start_paused = true)]
async fn for_each_that_is_under_way_as_much_is_set_aside() {
    let layer = quiet(2 * S)
        .plain(2 * S)
        .share(1.0)
        .dollars(usd("0.0003"), 3_600 * S);
    let model = Model::new([(100, whole)]);
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    model.script([(9_000, whole); 8]);
    let calls = (0..4).map(|_| model.under(&layer).oneshot(call(false)));
    let all = futures_util::future::join_all(calls).await;
    assert!(all.iter().all(Result::is_ok));
    let stats = layer.stats();
    assert_eq!((stats.started, stats.refused_by(Refusal::Dollars)), (2, 2));
    // A refusal for want of money takes nothing of the share.
    assert_eq!(stats.refused_by(Refusal::Share), 0);
}

/// They cost nothing yet, and will.
#[tokio::test(start_paused = true)]
async fn for_each_that_waits_for_a_permit_as_much_is_set_aside() {
    let layer = quiet(2 * S)
        .plain(2 * S)
        .share(1.0)
        .dollars(usd("0.0003"), 3_600 * S);
    let model = Model::new([(100, whole)]);
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    model.script([(9_000, whole); 4]);
    let limited = ConcurrencyLimit::new(model.under(&quiet(Duration::MAX)), 4);
    let limited = layer.layer(limited);
    let calls = [(); 4].map(|()| call(false));
    let _journals = calls.each_ref().map(Call::journal);
    let calls = calls.map(|call| limited.clone().oneshot(call));
    let all = futures_util::future::join_all(calls).await;
    assert!(all.iter().all(Result::is_ok));
    let stats = layer.stats();
    assert_eq!((stats.started, stats.refused_by(Refusal::Dollars)), (2, 2));
    // None of them has begun, so that nothing was spent.
    assert!(is_hedged(&layer, &model).await);
    assert!(is_hedged(&layer, &model).await);
    assert!(!is_hedged(&layer, &model).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_set_aside_for_what_the_share_refuses() {
    let layer = quiet(2 * S)
        .plain(2 * S)
        .burst(0)
        .dollars(usd("0.0002"), 3_600 * S);
    let model = Model::new([(100, whole)]);
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    for _ in 0..3 {
        assert!(!is_hedged(&layer, &model).await);
    }
    let stats = layer.stats();
    assert_eq!(stats.refused_by(Refusal::Share), 3);
    assert_eq!(stats.refused_by(Refusal::Dollars), 0);
}

#[tokio::test(start_paused = true)]
async fn without_prices_there_is_a_share_but_no_budget_in_dollars() {
    let layer = quiet(2 * S).plain(2 * S).dollars(usd("1000"), S);
    let model = Model::default();
    for _ in 0..3 {
        model.steps.lock().unwrap().clear();
        model.script([(9_000, (|| Ok(Reply::Whole("no usage")))), (500, whole)]);
        assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    }
    assert_eq!(layer.stats().refused_by(Refusal::Unpriced), 3);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_learned_from_first_attempts() {
    let adaptive = Adaptive::percentile(95.0).warm_up(20);
    let layer = quiet(30 * S).adaptive(adaptive).share(1.0).burst(1_000);
    let model = Model::default();
    async fn first_content(model: &Model, layer: &HedgeLayer) -> Duration {
        let start = Instant::now();
        let reply = model
            .under(layer)
            .oneshot(call(true))
            .await
            .expect("an answer");
        let took = start.elapsed();
        assert!(reply.chunks().next().await.is_some());
        took
    }
    let fast: Step = (300, || Ok(timed([(100, Tok::Word("a")), (0, Tok::Stop)])));
    let slow: Step = (9_000, || Ok(timed([(0, Tok::Word("a")), (0, Tok::Stop)])));
    model.script([slow]);
    assert_eq!(
        first_content(&model, &layer).await,
        9 * S,
        "not until it is warm"
    );
    for _ in 0..99 {
        model.script([fast]);
        assert_eq!(first_content(&model, &layer).await, 400 * MS);
    }
    // Nineteen in twenty take 0.4 s: the next one that takes longer is hedged then.
    for _ in 0..4 {
        model.script([slow, fast]);
        let took = first_content(&model, &layer).await;
        assert!((800 * MS..806 * MS).contains(&took), "{took:?}");
    }
    let learned = layer.learned();
    let [of] = &learned[..] else {
        panic!("{learned:?}")
    };
    // The losers too: they took longer than that.
    assert_eq!(of.samples, 104);
    // The model becomes slow: what was seen of the losers raises the time, and not every call is hedged for ever.
    for _ in 0..10 {
        model.script([(1_500, slow.1), (1_000, slow.1)]);
        first_content(&model, &layer).await;
    }
    assert!(layer.learned()[0].time > Some(S), "{:?}", layer.learned());
}

#[tokio::test(start_paused = true)]
async fn plain_answers_are_learned_apart() {
    let adaptive = Adaptive::percentile(95.0).warm_up(10);
    let layer = quiet(30 * S).plain(60 * S).adaptive(adaptive).share(1.0);
    let model = Model::default();
    for _ in 0..20 {
        model.script([(200, (|| Ok(timed([(0, Tok::Word("a"))])))), (5_000, whole)]);
        assert!(model.under(&layer).oneshot(call(true)).await.is_ok());
        assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    }
    let times: Vec<_> = layer
        .learned()
        .iter()
        .map(|of| (of.phase, of.time.expect("warm").as_millis()))
        .collect();
    assert_eq!(times.len(), 2);
    assert!((200..=202).contains(&times[0].1), "{times:?}");
    assert!((5_000..=5_050).contains(&times[1].1), "{times:?}");
    assert_eq!(layer.stats().started, 0);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    type Make = fn() -> HedgeLayer;
    let wrong: [Make; 5] = [
        || HedgeLayer::new(Duration::ZERO),
        || quiet(S).plain(Duration::ZERO),
        || quiet(S).share(1.1),
        || quiet(S).share(f64::NAN),
        || quiet(S).dollars(usd("1"), Duration::ZERO),
    ];
    for make in wrong {
        let panic = std::panic::catch_unwind(make).expect_err("nonsense");
        let text = panic.downcast::<&str>().expect("text");
        assert!(text.contains("expected"), "{text}");
    }
}
