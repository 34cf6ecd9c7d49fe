//! Streams that break off after the commit point, with routes that go on with a beginning.
use fault_server::Script;

use crate::setup::{Faulty, Got, script};

fn route(name: &str, more: &str) -> String {
    format!("[[routes]]\nname = \"{name}\"\nmodel = \"{name}\"\n{more}\n")
}

const PREFILL: &str = "prefill = true";

/// Ids and events, but for what only the last one tells: usage.
fn said(got: &Got) -> Vec<String> {
    let events = got.body.lines().filter(|line| line.starts_with("data: {"));
    events
        .filter(|line| !line.contains("\"choices\":[]"))
        .map(Into::into)
        .collect()
}

const DEATHS: [&str; 4] = [
    "stream-dies",
    "stream-resets",
    "stream-ends-early",
    "error-event",
];

#[tokio::test]
async fn the_rest_is_asked_of_the_same_route_and_the_answer_is_the_healthy_one_to_the_byte() {
    for fault in DEATHS {
        let faulty = Faulty::of(&format!("{fault}-once"), &route("cheap", PREFILL), &[]).await;
        let got = faulty.streamed().await;
        assert_eq!(got.status, 200);
        faulty.assert_asked(2, 0);
        // The same question once more, to a healthy provider; the cache has kept no answer with a seam.
        let healthy = faulty.ask_again(&got).await;
        assert_eq!(healthy.header("x-obs-cache"), Some("miss"), "{fault}");
        faulty.assert_asked(3, 0);
        assert_eq!(got.text(), healthy.text(), "{fault}");
        // All of one name, and but for that name each event is the same.
        let id = |got: &Got| got.ids().into_iter().next().expect("a name");
        assert_eq!(got.ids().len(), 1, "{fault}");
        let renamed: Vec<_> = said(&healthy)
            .iter()
            .map(|event| event.replace(&id(&healthy), &id(&got)))
            .collect();
        assert_eq!(said(&got), renamed, "{fault}");
        assert!(got.body.ends_with("data: [DONE]\n\n"), "{got:?}");
        let continued = "router_decisions_total{reason=\"continued\",route=\"cheap\"}";
        assert_eq!(faulty.metric(continued), 1.0);
        assert_eq!(faulty.metric("router_errors_total{route=\"cheap\"}"), 1.0);
    }
}

#[tokio::test]
async fn the_rest_is_asked_of_the_next_route_that_declares_it() {
    for fault in ["stream-dies", "stream-hangs"] {
        let routes = route("cheap", "") + &route("other-one", "") + &route("premium", PREFILL);
        let faulty = Faulty::of(fault, &routes, &[]).await;
        let got = faulty.streamed().await;
        assert_eq!(got.text(), got.healthy_text(), "{fault} {got:?}");
        faulty.assert_asked(1, 1);
        assert_eq!(faulty.server.log().count("other-one"), 0);
    }
}

#[tokio::test]
async fn a_route_that_is_silent_is_not_asked_for_the_rest() {
    let faulty = Faulty::of("stream-hangs", &route("cheap", PREFILL), &[]).await;
    faulty.streamed().await.error();
    faulty.assert_asked(1, 0);
}

#[tokio::test]
async fn a_refusal_of_the_beginning_is_never_the_callers_answer() {
    let dies_and_refuses = || Script::sequence([script("stream-dies"), script("prefill-refused")]);
    let faulty = Faulty::of("ok", &route("cheap", PREFILL), &[]).await;
    faulty.server.script("cheap", dies_and_refuses());
    let got = faulty.streamed().await;
    let error = got.error().to_string();
    assert!(got.status == 200 && !error.contains("prefill"), "{got:?}");
    faulty.assert_asked(2, 0);

    // Another one that declares it may take it.
    let routes = route("cheap", PREFILL) + &route("premium", PREFILL);
    let faulty = Faulty::of("ok", &routes, &[]).await;
    faulty.server.script("cheap", dies_and_refuses());
    let got = faulty.streamed().await;
    assert_eq!(got.text(), got.healthy_text(), "{got:?}");
    faulty.assert_asked(2, 1);
}

#[tokio::test]
async fn what_is_more_than_one_text_is_not_gone_on_with() {
    let json = serde_json::json!({"response_format": {"type": "json_object"}});
    let faulty = Faulty::of("stream-dies", &route("cheap", PREFILL), &[]).await;
    let got = faulty.ask_with(json).await;
    got.error();
    faulty.assert_asked(1, 0);
}
