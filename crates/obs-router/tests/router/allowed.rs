//! Calls that may not take every route.
use std::future::ready;

use obs_core::{Call, CallContext, ErrorKind, Purpose};
use obs_metrics::Metrics;
use obs_router::{Decision, Policy, Reason, Route, RouterLayer, Sticky, Target, Verdict};

use crate::support::*;

/// `a` to `d`, from the cheapest to the best.
fn four() -> [Route; 4] {
    [
        Route::new("a").model("ma").fallback(["b", "d"]),
        Route::new("b").model("mb"),
        Route::new("c").model("mc"),
        Route::new("d").model("md"),
    ]
}

fn layer<P: Policy<Ask>>(policy: P) -> RouterLayer<P> {
    let layer = RouterLayer::new(policy, four()).obey_names("auto");
    layer.metrics(&Metrics::disabled())
}

fn only(mut call: Call<Ask>, routes: &[&str]) -> Call<Ask> {
    call.context.allowed = Some(routes.iter().map(|name| (*name).into()).collect());
    call
}

fn asked(journal: &obs_core::Journal) -> Vec<String> {
    let attempts = attempts(journal);
    attempts.iter().map(|of| of.asked.to_string()).collect()
}

#[tokio::test]
async fn a_policy_chooses_among_the_routes_that_the_call_may_take() {
    for (target, allowed, expected) in [
        (Target::First, &["b", "c"][..], "b"),
        (Target::Last, &["b", "c"], "c"),
        // The next better one, or else the best there is.
        (Target::Default, &["b", "c"], "c"),
        (Target::from("b"), &["a", "c", "d"], "c"),
        (Target::from("c"), &["a", "b"], "b"),
        (Target::from("a"), &["a", "d"], "a"),
    ] {
        let decides = target.clone();
        let policy = move |_: &Ask, _: &CallContext| Decision::new(decides.clone(), Reason::Caller);
        let call = only(ask(), allowed);
        let journal = call.journal();
        run(&layer(policy), &script([(0, Ok(whole("x")))]), call)
            .await
            .unwrap();
        let took = decisions(&journal);
        assert_eq!(
            took,
            [(expected.into(), "caller")],
            "{target:?} {allowed:?}"
        );
        // Without a router it would not have been on another one either.
        let baseline = journal.read().baseline.unwrap().route;
        assert_eq!(*baseline, **allowed.last().unwrap());
    }
}

#[tokio::test]
async fn no_failure_leads_to_a_route_that_the_call_may_not_take() {
    let fails = || (0, Err(bad(ErrorKind::Connect)));
    let call = only(ask(), &["a", "c"]);
    let journal = call.journal();
    let both = script([fails(), fails()]);
    run(&layer(to("a")), &both, call).await.unwrap_err();
    assert_eq!(asked(&journal), ["ma", "mc"]);

    // Nor does the list of a route that is named.
    let call = only(ask_for("ma"), &["a", "d"]);
    let journal = call.journal();
    let both = script([fails(), fails()]);
    run(&layer(to("c")), &both, call).await.unwrap_err();
    assert_eq!(asked(&journal), ["ma", "md"]);
}

#[tokio::test]
async fn no_judge_escalates_to_a_route_that_the_call_may_not_take() {
    let layer = layer(to("a")).judge(|_: &Call<Ask>, _: &Reply| ready(Verdict::Escalate));
    let call = only(ask(), &["a", "d"]);
    let journal = call.journal();
    let both = script([(0, Ok(whole("x"))), (0, Ok(whole("y")))]);
    run(&layer, &both, call).await.unwrap();
    assert_eq!(asked(&journal), ["ma", "md"]);
}

#[tokio::test]
async fn who_may_take_none_of_the_routes_asks_none() {
    for call in [ask(), ask_for("ma"), ask_for("b")] {
        let call = only(call, &["elsewhere"]);
        let layer = layer(to("a"));
        let error = run(&layer, &script([]), call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Caller);
        assert_eq!(layer.stats().calls(), 0, "nothing was decided");
    }
    // What no route has is no route's.
    let call = only(ask_for("mx"), &["elsewhere"]);
    run(&layer(to("a")), &script([(0, Ok(whole("x")))]), call)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_rest_of_a_stream_is_asked_of_no_other_route() {
    let routes = four().map(Route::prefill);
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    let mut call = only(ask(), &["b", "d"]);
    call.context.purpose = Purpose::Continuation;
    let journal = call.journal();
    run(&layer, &script([(0, Ok(whole("x")))]), call)
        .await
        .unwrap();
    assert_eq!(asked(&journal), ["mb"]);
}

#[tokio::test]
async fn a_conversation_stays_on_no_route_that_this_caller_may_not_take() {
    let wants = |ask: &Ask, _: &CallContext| match ask.words {
        1 => Decision::new(Target::Last, Reason::Learned),
        _ => Decision::new(Target::First, Reason::Learned),
    };
    // Nothing has a price: a conversation stays on a dearer route.
    let layer = layer(Sticky::new(wants, &four()));
    let turn = |words: usize, allowed: &[&str]| {
        let mut call = only(ask(), allowed);
        call.request.words = words;
        call.context.session = Some("s".into());
        call
    };
    for (words, allowed, expected) in [
        (1, &["a", "b", "c", "d"][..], ("d", "learned")),
        (2, &["a", "b", "c", "d"], ("d", "sticky")),
        (2, &["b", "c"], ("b", "learned")),
        (1, &["b", "c"], ("c", "learned")),
        (2, &["b", "c"], ("c", "sticky")),
    ] {
        let call = turn(words, allowed);
        let journal = call.journal();
        run(&layer, &script([(0, Ok(whole("x")))]), call)
            .await
            .unwrap();
        let (route, reason) = expected;
        assert_eq!(decisions(&journal), [(route.into(), reason)]);
    }
}
