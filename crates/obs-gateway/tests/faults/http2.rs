//! What HTTP/2 can do besides: resets of single streams, and farewells of whole connections.
use crate::setup::{Faulty, script};

const ALONE: &str = "http2 = true\n[[routes]]\nname = \"cheap\"\nmodel = \"cheap\"\n";
const PREMIUM: &str = "[[routes]]\nname = \"premium\"\nmodel = \"premium\"\n";

/// Before the head of an answer.
const BEFORE: [&str; 4] = ["h2-refused", "h2-rst", "h2-goaway", "h2-calm"];

/// After two thirds of it.
const LATER: [&str; 2] = ["h2-rst-mid-stream", "h2-goaway-mid-stream"];

async fn both(fault: &str, variables: &[(&str, &str)]) -> Faulty {
    Faulty::of(fault, &format!("{ALONE}{PREMIUM}"), variables).await
}

#[tokio::test]
async fn a_reset_or_a_farewell_before_the_head_is_retried() {
    for fault in BEFORE {
        for streamed in [false, true] {
            let faulty = Faulty::of(&format!("{fault}-once"), ALONE, &[]).await;
            faulty.ask(streamed, &[]).await.assert_whole("cheap");
            faulty.assert_asked(2, 0);
        }
    }
}

#[tokio::test]
async fn a_reset_or_a_farewell_before_the_head_for_ever_is_routed_on() {
    for fault in BEFORE {
        for streamed in [false, true] {
            let faulty = both(fault, &[]).await;
            faulty.ask(streamed, &[]).await.assert_whole("premium");
            assert_eq!(faulty.server.log().count("premium"), 1, "{fault}");
        }
        let alone = Faulty::of(fault, ALONE, &[]).await;
        alone.plain().await.error();
    }
}

#[tokio::test]
async fn a_reset_or_a_farewell_in_the_middle_is_an_error_event_after_the_commit_point() {
    for fault in LATER {
        let faulty = both(fault, &[]).await;
        let got = faulty.streamed().await;
        assert_eq!(got.status, 200, "{fault}");
        got.error();
        assert!(!got.text().is_empty(), "{got:?}");
        faulty.assert_asked(1, 0);
        // The connection is gone or not: the next call is answered.
        faulty.server.script("cheap", script("ok"));
        faulty.streamed().await.assert_whole("cheap");
    }
}

#[tokio::test]
async fn a_reset_or_a_farewell_in_the_middle_is_repaired_before_the_commit_point() {
    for fault in LATER {
        let faulty = both(fault, &[("OBS_ROUTER_COMMIT", "complete")]).await;
        faulty.streamed().await.assert_whole("premium");
        let faulty = both(fault, &[]).await;
        faulty.plain().await.assert_whole("premium");
        faulty.assert_asked(2, 1);
    }
}

#[tokio::test]
async fn a_graceful_farewell_costs_no_call() {
    let faulty = Faulty::of("h2-goaway-graceful", ALONE, &[]).await;
    for _ in 0..3 {
        faulty.streamed().await.assert_whole("cheap");
    }
    faulty.assert_asked(3, 0);
}
