//! Which routes a call tries when one fails.
use obs_core::{ErrorKind, Outcome, Purpose};
use obs_metrics::Metrics;
use obs_router::{InvalidRoutes, Route, RouterLayer};

use crate::support::*;

fn no_policy() -> impl obs_router::Policy<Ask> {
    to("cheap")
}

#[tokio::test(start_paused = true)]
async fn falls_over_and_the_ledger_is_exact() {
    let (call, layer) = (ask(), cheap_first());
    let journal = call.journal();
    let script = script([(0, Err(bad(ErrorKind::Overloaded))), (0, Ok(whole("b")))]);
    assert_eq!(run(&layer, &script, call).await.unwrap().text(), "b");
    assert_eq!(
        outcomes(&journal),
        [
            (
                "small".into(),
                Purpose::First,
                Outcome::Failed(ErrorKind::Overloaded)
            ),
            ("big".into(), Purpose::Fallback, Outcome::Answered)
        ]
    );
    assert_eq!(
        decisions(&journal),
        [("cheap".into(), "caller"), ("premium".into(), "fallback")]
    );
    let report = journal.read();
    assert_eq!(report.paid().exact(), Some(units(140)));
    assert_eq!(report.saved_by_route(), Some(units(0)));
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_error_goes_on_or_goes_out() {
    for (kind, goes_on) in [
        (ErrorKind::Caller, false),
        (ErrorKind::Auth, false),
        (ErrorKind::ContentFilter, false),
        (ErrorKind::Policy, false),
        (ErrorKind::NotCached, false),
        // No windows are known.
        (ErrorKind::ContextTooLong, false),
        (ErrorKind::Credentials, true),
        (ErrorKind::RateLimited, true),
        (ErrorKind::Connect, true),
        (ErrorKind::Timeout, true),
        (ErrorKind::Overloaded, true),
        (ErrorKind::Upstream, true),
        (ErrorKind::CutOff, true),
        (ErrorKind::Unknown, true),
    ] {
        let script = script([(0, Err(bad(kind))), (0, Ok(whole("b")))]);
        let answer = run(&cheap_first(), &script, ask()).await;
        assert_eq!(script.left(), usize::from(!goes_on), "{kind:?}");
        match answer {
            Ok(answer) => assert_eq!(answer.text(), "b"),
            Err(error) => assert_eq!(error.kind(), kind),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_error_goes_to_the_caller_when_no_route_is_left() {
    let script = script([
        (0, Err(bad(ErrorKind::Connect))),
        (0, Err(bad(ErrorKind::Upstream).with_retry_after(7 * S))),
    ]);
    let error = run(&cheap_first(), &script, ask()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::Upstream, Some(7 * S))
    );
}

#[tokio::test(start_paused = true)]
async fn all_other_routes_are_tried_in_order_whichever_was_first() {
    let routes = ["a", "b", "c", "d"].map(|name| Route::new(name).model(name));
    let layer = RouterLayer::new(to("c"), routes).metrics(&Metrics::disabled());
    let call = ask();
    let journal = call.journal();
    let fails = || (0, Err(bad(ErrorKind::Upstream)));
    let script = script([fails(), fails(), fails(), fails()]);
    run(&layer, &script, call).await.unwrap_err();
    let asked: Vec<_> = attempts(&journal)
        .iter()
        .map(|a| a.asked.to_string())
        .collect();
    assert_eq!(asked, ["c", "a", "b", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_goes_on_to_larger_windows_only() {
    let route = |name: &str, window| Route::new(name).model(name).context(window);
    let routes = [
        route("a", 8_000),
        route("same", 8_000),
        route("larger", 32_000),
        Route::new("unknown").model("unknown"),
        route("largest", 128_000),
    ];
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    let call = ask();
    let journal = call.journal();
    let too_long = || (0, Err(bad(ErrorKind::ContextTooLong)));
    let script = script([too_long(), (0, Err(bad(ErrorKind::Upstream))), too_long()]);
    // Also after another failure the small windows stay out.
    let error = run(&layer, &script, call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextTooLong);
    let asked: Vec<_> = attempts(&journal)
        .iter()
        .map(|a| a.asked.to_string())
        .collect();
    assert_eq!(asked, ["a", "larger", "largest"]);
}

#[tokio::test(start_paused = true)]
async fn a_route_without_a_model_leaves_the_request_as_it_is() {
    let layer = RouterLayer::new(to("a"), [Route::new("a")]).metrics(&Metrics::disabled());
    let call = ask_for("big");
    let journal = call.journal();
    run(&layer, &script([(0, Ok(whole("x")))]), call)
        .await
        .unwrap();
    let attempt = &attempts(&journal)[0];
    assert_eq!(
        (&*attempt.asked, attempt.route.as_deref()),
        ("big", Some("a"))
    );
    // The baseline is the same route, at the model that was asked for.
    assert_eq!(journal.read().saved_by_route(), Some(units(0)));
}

#[test]
fn routes_that_make_no_router_are_refused() {
    let refused = |routes: Vec<Route>| RouterLayer::try_new(no_policy(), routes).unwrap_err();
    let many = (0..65).map(|n| Route::new(n.to_string())).collect();
    for (routes, error, message) in [
        (vec![], InvalidRoutes::Empty, "at least one"),
        (many, InvalidRoutes::TooMany(65), "at most 64"),
        (vec![Route::new("")], InvalidRoutes::Unnamed, "empty name"),
        (
            vec![Route::new("other")],
            InvalidRoutes::Reserved,
            "`other`",
        ),
        (
            vec![Route::new("a"), Route::new("a")],
            InvalidRoutes::Duplicate("a".into()),
            "`a`",
        ),
        (
            vec![Route::new("a").limit(S - S)],
            InvalidRoutes::ZeroLimit("a".into()),
            "zero",
        ),
        (
            vec![Route::new("a").weight(0)],
            InvalidRoutes::ZeroWeight("a".into()),
            "weight",
        ),
        (
            vec![Route::new("a").fallback(["b"])],
            InvalidRoutes::Fallback("a".into(), "b".into()),
            "`b`, which is no route",
        ),
        (
            vec![Route::new("a").fallback(["a"])],
            InvalidRoutes::Fallback("a".into(), "a".into()),
            "itself",
        ),
    ] {
        let found = refused(routes);
        assert_eq!(found, error);
        assert!(found.to_string().contains(message), "{found}");
    }
    let most = (0..64).map(|n| Route::new(n.to_string()));
    assert!(RouterLayer::try_new(no_policy(), most).is_ok());
}

#[tokio::test(start_paused = true)]
async fn sixty_four_routes_are_all_tried() {
    let all = (0..64).map(|n| Route::new(n.to_string()));
    let layer = RouterLayer::new(to("63"), all).metrics(&Metrics::disabled());
    let fails = std::array::from_fn::<_, 64, _>(|_| (0, Err(bad(ErrorKind::Upstream))));
    let script = script(fails);
    run(&layer, &script, ask()).await.unwrap_err();
    assert_eq!(script.left(), 0);
}

#[test]
#[should_panic(expected = "two routes are called `a`")]
fn new_panics_with_what_is_wrong() {
    let _ = RouterLayer::new(no_policy(), [Route::new("a"), Route::new("a")]);
}

#[test]
#[should_panic(expected = "there is no route `x`")]
fn an_unknown_default_is_refused() {
    let _ = cheap_first().default_route("x");
}

#[test]
#[should_panic(expected = "there is no route `x`")]
fn an_unknown_baseline_is_refused() {
    let _ = cheap_first().baseline("x");
}
