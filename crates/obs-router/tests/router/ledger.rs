//! What is counted, call by call.
use obs_core::{AttemptLayer, ErrorKind, LlmResponse};
use obs_metrics::Metrics;
use obs_router::{Reason, Route, RouterLayer};
use tower::ServiceExt;
use tower_layer::Layer;

use crate::support::*;

#[tokio::test]
async fn a_cheap_answer_saves_the_difference_to_the_baseline() {
    let layer = cheap_first();
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    let cheap = stats.route("cheap").unwrap();
    assert_eq!((cheap.saved, cheap.lost), (units(126), units(0)));
    assert_eq!((cheap.attempts, cheap.errors, cheap.calls()), (1, 0, 1));
    assert_eq!(stats.saved(), units(126));
}

#[tokio::test]
async fn the_baseline_can_be_set() {
    let layer = RouterLayer::new(to("premium"), routes()).baseline("cheap");
    let layer = layer.metrics(&Metrics::disabled());
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    let premium = stats.route("premium").unwrap();
    assert_eq!((premium.saved, premium.lost), (units(0), units(126)));
    assert_eq!(stats.saved(), units(-126));
}

#[tokio::test]
async fn a_failed_attempt_is_part_of_what_was_paid() {
    // The first answer was billed, and broke off: nobody knows for how much.
    let layer = cheap_first();
    let script_of = |kind| script([(0, Err(bad(kind))), (0, Ok(whole("b")))]);
    run(&layer, &script_of(ErrorKind::CutOff), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    let premium = stats.route("premium").unwrap();
    assert_eq!((premium.savings_unknown, premium.saved), (1, units(0)));
    assert_eq!(premium.decisions(Reason::Fallback), 1);
    let cheap = stats.route("cheap").unwrap();
    assert_eq!((cheap.calls(), cheap.attempts, cheap.errors), (0, 1, 1));
    // A refused connection is not billed.
    let layer = cheap_first();
    run(&layer, &script_of(ErrorKind::Connect), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    assert_eq!(stats.route("premium").unwrap().savings_unknown, 0);
}

#[tokio::test]
async fn an_unknown_price_saves_nothing_and_is_counted() {
    let routes = [
        Route::new("a").model("small"),
        Route::new("b").model("unheard of"),
    ];
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    let a = stats.route("a").unwrap();
    assert_eq!(
        (a.saved, a.lost, a.savings_unknown),
        (units(0), units(0), 1)
    );
}

#[tokio::test]
async fn an_answer_without_usage_is_counted_as_unknown() {
    let layer = cheap_first();
    run(&layer, &script([(0, Ok(Reply::Whole("a", None)))]), ask())
        .await
        .unwrap();
    assert_eq!(layer.stats().route("cheap").unwrap().savings_unknown, 1);
}

#[tokio::test]
async fn a_failed_call_saves_nothing() {
    let layer = cheap_first();
    let fails = || (0, Err(bad(ErrorKind::Connect)));
    run(&layer, &script([fails(), fails()]), ask())
        .await
        .unwrap_err();
    let stats = layer.stats();
    assert_eq!((stats.calls(), stats.saved()), (1, units(0)));
    assert!(stats.routes.iter().all(|of| of.savings_unknown == 0));
}

/// A cache inside of the router gave the answer: there is no attempt, and nothing that a router could have saved.
#[tokio::test]
async fn an_answer_without_an_attempt_is_no_saving() {
    let layer = cheap_first();
    let cached = tower::service_fn(|_: obs_core::Call<Ask>| async {
        Ok::<_, obs_core::Error>(whole("stored"))
    });
    layer.layer(cached).oneshot(ask()).await.unwrap();
    let stats = layer.stats();
    let cheap = stats.route("cheap").unwrap();
    assert_eq!((cheap.calls(), cheap.attempts), (1, 0));
    assert_eq!((cheap.saved, cheap.savings_unknown), (units(0), 0));
}

#[tokio::test]
async fn of_nested_routers_the_outermost_measures() {
    let outer = cheap_first();
    let inner = RouterLayer::new(to("eu"), [Route::new("eu"), Route::new("us")]);
    let inner = inner.metrics(&Metrics::disabled());
    let model = script([(0, Err(bad(ErrorKind::Connect))), (0, Ok(whole("a")))]);
    let attempts = AttemptLayer::new(prices()).layer(model.model());
    let call = ask();
    let journal = call.journal();
    outer
        .layer(inner.layer(attempts))
        .oneshot(call)
        .await
        .unwrap();
    assert_eq!(
        decisions(&journal),
        [
            ("cheap".into(), "caller"),
            ("eu".into(), "caller"),
            ("us".into(), "fallback")
        ]
    );
    assert_eq!(outer.stats().saved(), units(126));
    assert_eq!(inner.stats().saved(), units(0));
    // Attempts belong to the routes that they were made on.
    assert_eq!(outer.stats().route("cheap").unwrap().attempts, 0);
    assert_eq!(inner.stats().route("us").unwrap().attempts, 1);
}

#[tokio::test]
async fn services_and_clones_of_a_layer_count_together_and_a_setter_parts_them() {
    let layer = cheap_first();
    let clone = layer.clone();
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    run(&clone, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    assert_eq!((layer.stats().calls(), clone.stats().calls()), (2, 2));
    let other = layer.clone().default_route("cheap");
    run(&other, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    assert_eq!((layer.stats().calls(), other.stats().calls()), (2, 1));
    let service = layer.layer(script([]).model());
    assert_eq!(service.stats().calls(), 2);
}

#[tokio::test]
async fn what_goes_out_is_what_came_in() {
    let layer = cheap_first();
    let answer = run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    assert_eq!(answer.usage(), Some(usage(10, 2)));
}
