//! Prompts that surely do not fit are not sent.
use obs_core::{Call, ErrorKind, Operation};
use obs_metrics::Metrics;
use obs_router::{Policy, Reason, Route, RouterLayer};

use crate::support::*;

/// A prompt of a hundred words.
fn long() -> Call<Ask> {
    let mut call = ask();
    call.request.words = 100;
    call
}

fn layer<const N: usize>(
    to: impl Policy<Ask> + Copy,
    routes: [(&str, Option<u64>); N],
) -> RouterLayer<impl Policy<Ask> + Copy> {
    let routes = routes.map(|(name, window)| {
        let route = Route::new(name.to_owned()).model(name.to_owned());
        match window {
            Some(tokens) => route.context(tokens),
            None => route,
        }
    });
    RouterLayer::new(to, routes).metrics(&Metrics::disabled())
}

/// Which models are asked where all of them are overloaded, and how the decisions read.
async fn asked<P: Policy<Ask>>(
    layer: &RouterLayer<P>,
    call: Call<Ask>,
) -> (Vec<String>, Vec<(String, &'static str)>) {
    let journal = call.journal();
    let fails = std::array::from_fn::<_, 5, _>(|_| (0, Err(bad(ErrorKind::Overloaded))));
    run(layer, &script(fails), call).await.unwrap_err();
    let asked = attempts(&journal);
    let asked = asked.iter().map(|a| a.asked.to_string()).collect();
    (asked, decisions(&journal))
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_surely_does_not_fit_is_sent_to_the_next_larger_window() {
    let routes = [
        ("a", Some(99)),
        ("small", Some(50)),
        ("unknown", None),
        ("b", Some(100)),
        ("c", Some(1_000)),
    ];
    let layer = layer(to("a"), routes);
    let (all, told) = asked(&layer, long()).await;
    assert_eq!(told[0], ("b".to_owned(), "context"));
    // Also when that one fails the small ones stay out; what is not known may do.
    assert_eq!(all, ["b", "unknown", "c"]);
    let stats = layer.stats();
    assert_eq!(stats.calls(), 1);
    run(&layer, &script([(0, Ok(whole("x")))]), long())
        .await
        .unwrap();
    let of_b = layer.stats().route("b").unwrap().decisions(Reason::Context);
    assert_eq!(of_b, 1);
    // A short one goes where it was sent.
    let (all, told) = asked(&layer, ask()).await;
    assert_eq!((&*all[0], told[0].1, all.len()), ("a", "caller", 5));
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_just_large_enough_or_not_known_is_asked() {
    let (all, _) = asked(
        &layer(to("a"), [("a", Some(100)), ("b", Some(200))]),
        long(),
    )
    .await;
    assert_eq!(all, ["a", "b"]);
    let (all, _) = asked(&layer(to("a"), [("a", None), ("b", Some(200))]), long()).await;
    assert_eq!(all, ["a", "b"]);
    // It would refuse what the unknown one may hold.
    let (all, _) = asked(&layer(to("a"), [("a", None), ("b", Some(20))]), long()).await;
    assert_eq!(all, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn where_no_window_is_known_to_be_large_enough_the_first_route_says_so_itself() {
    let call = long();
    let journal = call.journal();
    let script = script([(0, Err(bad(ErrorKind::ContextTooLong)))]);
    let layer = layer(to("a"), [("a", Some(10)), ("b", Some(20)), ("c", None)]);
    let error = run(&layer, &script, call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextTooLong);
    assert_eq!(decisions(&journal), [("a".to_owned(), "caller")]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_named_is_passed_over_along_its_own_list_alone() {
    let route = |name: &str, window| Route::new(name).model(name).context(window);
    let routes = [
        route("a", 10).fallback(["c", "d"]),
        route("b", 500),
        route("c", 20),
        route("d", 500),
    ];
    let layer = RouterLayer::new(to("a"), routes)
        .metrics(&Metrics::disabled())
        .obey_names("auto");
    let mut call = long();
    call.request.model = "a".into();
    let (all, told) = asked(&layer, call).await;
    assert_eq!((all, told[0].1), (vec!["d".to_owned()], "context"));
    let mut call = long();
    call.request.model = "c".into();
    assert_eq!(asked(&layer, call).await.0, ["c"]);
}

/// Each of several texts has the window for itself.
#[tokio::test(start_paused = true)]
async fn embeddings_are_not_measured() {
    let route = |name: &str, window| Route::new(name).model("m").context(window);
    let routes = [route("a", 10).fallback(["b"]), route("b", 500)];
    let layer = RouterLayer::new(to("a"), routes)
        .metrics(&Metrics::disabled())
        .obey_names("auto");
    let mut call = long();
    call.request.operation = Operation::Embeddings;
    call.request.model = "a".into();
    let journal = call.journal();
    run(&layer, &script([(0, Ok(whole("x")))]), call)
        .await
        .unwrap();
    assert_eq!(decisions(&journal), [("a".to_owned(), "named")]);
}
