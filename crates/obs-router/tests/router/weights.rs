//! Which route is next, by weight.
use std::sync::Mutex;

use obs_core::ErrorKind;
use obs_metrics::Metrics;
use obs_router::{Policy, Route, RouterLayer};

use crate::support::*;

/// `a` is chosen; of the others `b`, `c` and `d` have a weight of 1, 2 and 7.
fn layer(draws: &[f64]) -> RouterLayer<impl Policy<Ask> + Copy> {
    let route = |name: &str| Route::new(name).model(name);
    let routes = [
        route("a").weight(90),
        route("x"),
        route("b").weight(1),
        route("c").weight(2),
        route("d").weight(7),
        route("y"),
    ];
    let draws = Mutex::new(Vec::from(draws).into_iter());
    RouterLayer::new(to("a"), routes)
        .metrics(&Metrics::disabled())
        .chance(move || draws.lock().unwrap().next().expect("one more draw"))
}

async fn order(draws: &[f64]) -> String {
    let fails = std::array::from_fn::<_, 6, _>(|_| (0, Err(bad(ErrorKind::Overloaded))));
    let (script, call) = (script(fails), ask());
    let journal = call.journal();
    run(&layer(draws), &script, call).await.unwrap_err();
    let asked = attempts(&journal);
    asked.iter().map(|a| &*a.asked).collect()
}

#[tokio::test(start_paused = true)]
async fn routes_with_a_weight_are_drawn_by_it_and_the_others_follow_in_their_order() {
    // Of ten shares, then of nine or eight or three, then of what is left.
    assert_eq!(order(&[0.0, 0.0, 0.0]).await, "abcdxy");
    assert_eq!(order(&[0.09, 0.99, 0.5]).await, "abdcxy");
    assert_eq!(order(&[0.1, 0.13, 0.5]).await, "acdbxy");
    assert_eq!(order(&[0.29, 0.12, 0.5]).await, "acbdxy");
    assert_eq!(order(&[0.3, 0.34, 0.5]).await, "adcbxy");
    assert_eq!(order(&[1.0, f64::NAN, 7.0]).await, "adbcxy");
}

/// Of a thousand draws each route has its share, to the call.
#[tokio::test(start_paused = true)]
async fn each_has_its_share_of_what_falls_over() {
    let draws: Vec<_> = (0..1_000).map(|n| f64::from(n) / 1_000.0).collect();
    let layer = layer(&draws);
    for _ in 0..1_000 {
        let script = script([(0, Err(bad(ErrorKind::Overloaded))), (0, Ok(whole("x")))]);
        run(&layer, &script, ask()).await.unwrap();
    }
    let stats = layer.stats();
    let calls = |route: &str| stats.route(route).expect("a route").calls();
    assert_eq!(["b", "c", "d", "x"].map(calls), [100, 200, 700, 0]);
}

/// No two processes are alike: without a source of one's own the draws differ.
#[tokio::test(start_paused = true)]
async fn unless_told_chance_is_random() {
    let route = |name: &str| Route::new(name).model(name);
    let routes = [route("a"), route("b").weight(1), route("c").weight(1)];
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    for _ in 0..200 {
        let script = script([(0, Err(bad(ErrorKind::Overloaded))), (0, Ok(whole("x")))]);
        run(&layer, &script, ask()).await.unwrap();
    }
    let stats = layer.stats();
    let calls = |route: &str| stats.route(route).expect("a route").calls();
    assert!(calls("b") > 20 && calls("c") > 20, "{stats:?}");
}
