//! Expected cost decides.
use std::{future::ready, sync::atomic::Ordering::SeqCst};

use obs_core::{Call, CallContext, Price, PriceTable};
use obs_metrics::Metrics;
use obs_router::{
    Discernment, ExpectedCost, Policy, Qualities, Route, RouterLayer, Target, Verdict,
};

use crate::support::{Answer, Ask, Models, ask, layer, prices, routes, usd, was};

/// The quality of the cheap route is what the prompt says; that of the premium one is 0.95.
fn told(ask: &Ask, _: &CallContext, routes: &mut [f32]) {
    routes[0] = ask.prompt.parse().expect("a quality");
    routes[1] = 0.95;
}

type Told = fn(&Ask, &CallContext, &mut [f32]);

/// 300 tokens: $0.003 on the cheap route, $0.03 on the premium one.
fn policy() -> ExpectedCost<Told> {
    ExpectedCost::new(&routes(), prices(), told as Told, usd("0.5"))
}

fn judge() -> Discernment {
    Discernment::new(0.9, 0.05).cost(usd("0.02"))
}

#[tokio::test]
async fn each_call_takes_the_way_that_costs_least() {
    let rejects = |_: &Call<Ask>, _: &Answer| ready(Verdict::Escalate);
    let layer = RouterLayer::new(policy().judged(judge()), routes());
    let layer = layer.judge(rejects).metrics(&Metrics::disabled());
    let models = Models::using(10, 0, 300);
    // Stays cheap, and nobody is asked for a verdict.
    assert_eq!(
        models.took(&layer, ask("0.95")).await,
        was("cheap", "learned")
    );
    assert_eq!(models.calls.load(SeqCst), 1);
    // Asks the cheap one first; the verdict is bad.
    assert_eq!(
        models.took(&layer, ask("0.7")).await,
        was("premium", "cascade")
    );
    assert_eq!(models.calls.load(SeqCst), 3);
    // Goes straight to the premium one.
    assert_eq!(
        models.took(&layer, ask("0.1")).await,
        was("premium", "learned")
    );
    assert_eq!(models.calls.load(SeqCst), 4);
}

#[tokio::test]
async fn what_a_call_may_not_take_costs_nothing_that_counts() {
    let models = Models::using(10, 0, 300);
    let mut call = ask("0.95");
    call.context.allowed = Some(["premium".into()].into());
    let took = models.took(&layer(policy()), call).await;
    assert_eq!(took, was("premium", "learned"));
    let mut call = ask("0.1");
    call.context.allowed = Some(["cheap".into()].into());
    let took = models.took(&layer(policy()), call).await;
    assert_eq!(took, was("cheap", "learned"), "not as the default");
}

#[test]
fn among_those_that_a_call_may_take_the_cheapest_way_is_taken() {
    let routes = ["a", "b", "c"].map(|name| Route::new(name).model(name));
    let price = |price| Price::per_million(price, price).expect("a price");
    let prices = PriceTable::new()
        .with_model("a", price("10"))
        .with_model("b", price("11"))
        .with_model("c", price("1000"));
    // The second one is worth its price, and the third is not.
    let told = |_: &Ask, _: &CallContext, of: &mut [f32]| of.copy_from_slice(&[0.90, 0.95, 0.96]);
    let policy = ExpectedCost::new(&routes, prices, told, usd("0.5"));
    let mut call = ask("q");
    let decide = |call: &Call<Ask>| policy.decide(&call.request, &call.context);
    assert_eq!(*decide(&call).target(), "b".to_owned().into());
    call.context.allowed = Some(["a".into(), "c".into()].into());
    assert_eq!(
        *decide(&call).target(),
        Target::First,
        "and not the better one"
    );
}

#[tokio::test]
async fn a_cheaper_and_better_route_wins_whatever_its_place() {
    let better = |_: &Ask, _: &CallContext, routes: &mut [f32]| {
        routes.copy_from_slice(&[0.99, 0.9]);
    };
    let models = Models::using(10, 0, 300);
    let one = layer(ExpectedCost::new(&routes(), prices(), better, usd("100")));
    assert_eq!(models.took(&one, ask("q")).await, was("cheap", "learned"));
}

#[tokio::test]
async fn without_any_price_the_default_route_is_taken() {
    let policy = ExpectedCost::new(&routes(), PriceTable::new(), told as Told, usd("0.5"));
    let models = Models::using(10, 0, 300);
    let took = models.took(&layer(policy), ask("0.1")).await;
    assert_eq!(took.1, "default");
}

#[tokio::test]
async fn the_length_of_answers_is_learned() {
    // At first a premium answer is $0.027 dearer; for answers of no tokens, next to nothing.
    let layer = layer(policy());
    let models = Models::using(10, 0, 0);
    assert_eq!(
        models.took(&layer, ask("0.91")).await,
        was("cheap", "learned")
    );
    for _ in 0..200 {
        models.took(&layer, ask("0.91")).await;
        models.took(&layer, ask("0.1")).await;
    }
    assert_eq!(
        models.took(&layer, ask("0.91")).await,
        was("premium", "learned")
    );
}

#[tokio::test]
async fn the_quality_of_routes_is_learned() {
    let qualities = Qualities::new([0.9, 0.95]);
    let layer = layer(ExpectedCost::new(
        &routes(),
        prices(),
        qualities.clone(),
        usd("0.5"),
    ));
    let models = Models::using(10, 0, 300);
    assert_eq!(models.took(&layer, ask("q")).await, was("cheap", "learned"));
    for _ in 0..20 {
        qualities.observe(0, 0.0);
        qualities.observe(0, f32::NAN);
    }
    assert_eq!(
        models.took(&layer, ask("q")).await,
        was("premium", "learned")
    );
    assert!((qualities.of(0).expect("a route") - 1.8 / 22.0).abs() < 1e-6);
    assert_eq!(qualities.of(1), Some(0.95));
    assert_eq!(qualities.of(2), None);
}

#[test]
fn it_can_be_explained() {
    let call = ask("0.7");
    let told = policy()
        .judged(judge())
        .explain(&call.request, &call.context);
    let told = told.expect("told");
    let added = |name: &str| {
        let part = told.parts.iter().find(|part| part.name == name);
        part.expect("there").added
    };
    assert!((added("cost_cheap") - 0.00301).abs() < 1e-6);
    assert!((added("loss_cheap") - 0.15).abs() < 1e-6);
    assert!((added("cost_premium") - 0.0301).abs() < 1e-6);
    assert_eq!(added("cascade"), 0.0);
    assert!((told.score.expect("a score") - 0.3).abs() < 1e-6);
}
