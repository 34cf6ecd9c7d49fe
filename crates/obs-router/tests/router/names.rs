//! Callers that choose by the model that they ask for.
use obs_core::{ErrorKind, Outcome, Purpose};
use obs_metrics::Metrics;
use obs_router::{OTHER, Reason, Route, RouterLayer};

use crate::support::*;

fn obeying() -> RouterLayer<impl obs_router::Policy<Ask> + Copy> {
    cheap_first().obey_names("auto")
}

#[tokio::test]
async fn auto_lets_the_policy_decide() {
    let call = ask_for("auto");
    let journal = call.journal();
    run(&obeying(), &script([(0, Ok(whole("a")))]), call)
        .await
        .unwrap();
    assert_eq!(decisions(&journal), [("cheap".into(), "caller")]);
}

#[tokio::test]
async fn a_route_or_its_model_is_obeyed() {
    for name in ["premium", "big"] {
        let layer = obeying();
        let call = ask_for(name);
        let journal = call.journal();
        run(&layer, &script([(0, Ok(whole("a")))]), call)
            .await
            .unwrap();
        assert_eq!(decisions(&journal), [("premium".into(), "named")]);
        let attempt = &attempts(&journal)[0];
        assert_eq!(
            (&*attempt.asked, attempt.route.as_deref()),
            ("big", Some("premium"))
        );
        // Who names a route would have had it without a router too.
        assert_eq!(layer.stats().route("premium").unwrap().saved, units(0));
    }
    let layer = obeying();
    run(&layer, &script([(0, Ok(whole("a")))]), ask_for("small"))
        .await
        .unwrap();
    let stats = layer.stats();
    let cheap = stats.route("cheap").unwrap();
    assert_eq!(
        (cheap.saved, cheap.lost, cheap.savings_unknown),
        (units(0), units(0), 0)
    );
}

#[tokio::test]
async fn without_names_the_policy_decides_every_call() {
    let call = ask_for("big");
    let journal = call.journal();
    run(&cheap_first(), &script([(0, Ok(whole("a")))]), call)
        .await
        .unwrap();
    assert_eq!(&*attempts(&journal)[0].asked, "small");
}

#[tokio::test]
async fn a_named_route_falls_over_along_its_own_list_only() {
    let script_of = || script([(0, Err(bad(ErrorKind::Connect))), (0, Ok(whole("b")))]);
    let error = run(&obeying(), &script_of(), ask_for("cheap"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);

    let routes = [
        Route::new("a").model("ma").fallback(["d", "b"]),
        Route::new("b").model("mb"),
        Route::new("c").model("mc"),
        Route::new("d").model("md"),
    ];
    let layer = RouterLayer::new(to("c"), routes).obey_names("auto");
    let layer = layer.metrics(&Metrics::disabled());
    let call = ask_for("ma");
    let journal = call.journal();
    let fails = || (0, Err(bad(ErrorKind::Connect)));
    run(&layer, &script([fails(), fails(), fails()]), call)
        .await
        .unwrap_err();
    let asked: Vec<_> = attempts(&journal)
        .iter()
        .map(|a| a.asked.to_string())
        .collect();
    assert_eq!(asked, ["ma", "md", "mb"]);
}

#[tokio::test]
async fn any_other_name_passes_through_as_it_is() {
    let layer = obeying();
    let call = ask_for("text-davinci-003");
    let journal = call.journal();
    let script = script([(0, Err(bad(ErrorKind::Connect))), (0, Ok(whole("b")))]);
    run(&layer, &script, call).await.unwrap_err();
    assert_eq!(script.left(), 1, "it falls over to nowhere");
    let attempt = &attempts(&journal)[0];
    assert_eq!(
        (&*attempt.asked, &attempt.route),
        ("text-davinci-003", &None)
    );
    assert_eq!(attempt.outcome, Some(Outcome::Failed(ErrorKind::Connect)));
    assert_eq!(decisions(&journal), [(OTHER.into(), "named")]);
    assert_eq!(journal.read().baseline, None);
    let stats = layer.stats();
    let other = stats.route(OTHER).expect("always there");
    assert_eq!(
        (other.decisions(Reason::Named), other.attempts, other.errors),
        (1, 1, 1)
    );
    assert_eq!(other.savings_unknown, 0);
}

#[tokio::test]
async fn what_passes_through_keeps_its_purpose_and_time() {
    let layer = obeying();
    let mut call = ask_for("else");
    call.context.purpose = Purpose::Refresh;
    let journal = call.journal();
    // Too long for any: no route has more room than none.
    let script = script([(0, Err(bad(ErrorKind::ContextTooLong)))]);
    run(&layer, &script, call).await.unwrap_err();
    assert_eq!(attempts(&journal)[0].purpose, Purpose::Refresh);
}

#[tokio::test]
async fn embeddings_never_move_to_another_model() {
    // `auto` would choose.
    let layer = obeying();
    let error = run(&layer, &script([]), embed("auto")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller);
    assert!(error.to_string().contains("`auto`"), "{error}");
    assert_eq!(layer.stats().calls(), 0, "nothing was decided");

    // A route falls over to the same model alone.
    let routes = [
        Route::new("eu").model("e3").fallback(["big", "us"]),
        Route::new("us").model("e3"),
        Route::new("big").model("e3-large"),
    ];
    let layer = RouterLayer::new(to("big"), routes).obey_names("auto");
    let layer = layer.metrics(&Metrics::disabled());
    let call = embed("e3");
    let journal = call.journal();
    let fails = || (0, Err(bad(ErrorKind::Connect)));
    run(&layer, &script([fails(), fails()]), call)
        .await
        .unwrap_err();
    let routes = attempts(&journal)
        .into_iter()
        .map(|a| a.route.expect("routed").to_string());
    assert_eq!(routes.collect::<Vec<_>>(), ["eu", "us"]);

    // Where the policy decides everything, they pass through.
    let layer = cheap_first();
    let call = embed("e3");
    let journal = call.journal();
    run(&layer, &script([(0, Ok(whole("a")))]), call)
        .await
        .unwrap();
    assert_eq!(&*attempts(&journal)[0].asked, "e3");
    assert_eq!(decisions(&journal), [(OTHER.into(), "default")]);
}

#[test]
#[should_panic(expected = "`big` is to let the policy decide")]
fn a_name_that_a_route_has_cannot_let_the_policy_decide() {
    let _ = cheap_first().obey_names("big");
}

#[test]
#[should_panic(expected = "is empty")]
fn an_empty_name_cannot_let_the_policy_decide() {
    let _ = cheap_first().obey_names("");
}
