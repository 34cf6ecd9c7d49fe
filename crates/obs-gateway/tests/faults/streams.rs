//! Streams that break, and streams that only look like it.
use crate::setup::{Faulty, Got, script, seconds};

/// After the commit point: an error event, and the next call is answered.
async fn ends_with_an_error(fault: &str) -> Got {
    let faulty = Faulty::first(fault).await;
    let got = faulty.streamed().await;
    assert_eq!(got.status, 200);
    got.error();
    faulty.assert_asked(1, 0);
    faulty.server.script("cheap", script("ok"));
    faulty.streamed().await.assert_whole("cheap");
    got
}

/// Before the commit point: repaired unseen, by a retry or by the next route.
async fn is_repaired(fault: &str) -> Faulty {
    let once = Faulty::complete(&format!("{fault}-once")).await;
    let got = once.streamed().await;
    got.assert_whole(got.route().map_or("premium", |route| {
        if route == "cheap" { "cheap" } else { "premium" }
    }));
    let faulty = Faulty::complete(fault).await;
    let got = faulty.streamed().await;
    got.assert_whole("premium");
    faulty
}

#[tokio::test]
async fn a_stream_that_dies_after_two_thirds_ends_with_an_error_event() {
    for fault in [
        "stream-dies",
        "stream-resets",
        "stream-dies-mid-event",
        "stream-ends-early",
    ] {
        let got = ends_with_an_error(fault).await;
        assert!(!got.text().is_empty(), "{got:?}");
    }
}

#[tokio::test]
async fn a_stream_that_dies_after_two_thirds_is_repaired_before_the_commit_point() {
    for fault in [
        "stream-dies",
        "stream-resets",
        "stream-dies-mid-event",
        "stream-ends-early",
    ] {
        is_repaired(fault).await.assert_asked(2, 1);
    }
}

#[tokio::test]
async fn a_plain_answer_that_dies_after_two_thirds_is_repaired() {
    for fault in ["stream-dies", "stream-resets"] {
        let faulty = Faulty::first(fault).await;
        faulty.plain().await.assert_whole("premium");
        faulty.assert_asked(2, 1);
    }
}

#[tokio::test]
async fn a_stream_that_stalls_ends_within_the_idle_limit_and_the_next_call_is_answered() {
    for fault in ["stream-stalls", "stream-hangs"] {
        let got = ends_with_an_error(fault).await;
        got.assert_took(seconds(20), seconds(26));
    }
}

#[tokio::test]
async fn a_stream_that_stalls_is_repaired_before_the_commit_point() {
    let faulty = Faulty::complete("stream-stalls").await;
    let got = faulty.streamed().await;
    got.assert_whole("premium");
    got.assert_took(seconds(20), seconds(28));
    faulty.assert_asked(1, 1);
}

#[tokio::test]
async fn an_event_that_is_no_json_is_a_clean_error_and_the_process_stays_up() {
    ends_with_an_error("bad-event").await;
    is_repaired("bad-event").await.assert_asked(2, 1);
    // A plain body that is no JSON is nobody's answer.
    let faulty = Faulty::first("bad-event").await;
    faulty.plain().await.assert_whole("premium");
}

#[tokio::test]
async fn a_stream_without_done_is_finished_at_once_with_its_usage() {
    for fault in ["no-done", "no-done-open"] {
        let faulty = Faulty::first(fault).await;
        let got = faulty.streamed().await;
        got.assert_whole("cheap");
        assert!(got.took < seconds(10), "{got:?}");
        faulty.assert_asked(1, 0);
    }
}

/// Where no route declares it, nothing is gone on with: another route begins anew.
#[tokio::test]
async fn a_stream_dies_and_the_next_route_refuses_a_prefill_which_is_never_the_callers_answer() {
    let faulty = Faulty::complete("stream-dies").await;
    faulty.server.script("premium", script("prefill-refused"));
    faulty.streamed().await.assert_whole("premium");
    let faulty = Faulty::first("stream-dies").await;
    faulty.server.script("premium", script("prefill-refused"));
    let got = faulty.streamed().await;
    let error = got.error().to_string();
    assert!(got.status == 200 && !error.contains("prefill"), "{got:?}");
}

#[tokio::test]
async fn an_error_event_within_a_stream_is_the_error_of_the_stream() {
    ends_with_an_error("error-event").await;
    is_repaired("error-event").await.assert_asked(2, 1);
}

#[tokio::test]
async fn an_error_event_before_the_first_content_is_repaired_unseen() {
    for streamed in [false, true] {
        let faulty = Faulty::first("error-event-first").await;
        faulty.ask(streamed, &[]).await.assert_whole("premium");
    }
}
