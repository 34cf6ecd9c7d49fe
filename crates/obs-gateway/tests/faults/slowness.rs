//! Providers that take their time.
use std::time::Duration;

use crate::setup::{Faulty, seconds};

/// Silence, seen from the provider: how long it was waited for, and what came of it.
async fn is_left_after_its_first_token_limit(fault: &str) {
    let faulty = Faulty::first(fault).await;
    let got = faulty.streamed().await;
    got.assert_whole("premium");
    got.assert_took(seconds(10), seconds(15));
    faulty.assert_asked(1, 1);
    let log = faulty.server.log();
    let waited = log.times("premium")[0] - log.times("cheap")[0];
    assert!(
        waited >= seconds(10) - Duration::from_millis(50),
        "{waited:?}"
    );
}

#[tokio::test]
async fn silence_is_not_tried_again_and_left_for_the_next_route_after_the_first_token_limit() {
    is_left_after_its_first_token_limit("silent").await;
}

/// A plain answer has no first token: the routes share what is left of the call.
#[tokio::test]
async fn silence_before_a_plain_answer_leaves_the_next_route_its_share_of_the_budget() {
    let faulty = Faulty::first("silent").await;
    let got = faulty.ask(false, &[("x-obs-deadline-ms", "2000")]).await;
    got.assert_whole("premium");
    got.assert_took(Duration::from_millis(950), Duration::from_millis(2000));
    faulty.assert_asked(1, 1);
}

#[tokio::test]
async fn silence_of_all_routes_ends_with_the_budget() {
    for streamed in [false, true] {
        let faulty = Faulty::first("silent").await;
        faulty
            .server
            .script("premium", crate::setup::script("silent"));
        let got = faulty.ask(streamed, &[("x-obs-deadline-ms", "1200")]).await;
        assert_eq!(got.status, 504);
        got.error();
        got.assert_took(Duration::from_millis(1150), Duration::from_millis(1700));
        faulty.assert_asked(1, 1);
    }
}

#[tokio::test]
async fn headers_at_once_and_a_first_token_after_twenty_seconds_is_left_for_the_next_route() {
    is_left_after_its_first_token_limit("slow-first-token").await;
}

#[tokio::test]
async fn a_role_at_once_and_a_first_token_after_twenty_seconds_is_left_for_the_next_route() {
    is_left_after_its_first_token_limit("slow-after-role").await;
}

#[tokio::test]
async fn headers_after_twenty_seconds_are_left_for_the_next_route() {
    is_left_after_its_first_token_limit("slow-headers").await;
}

#[tokio::test]
async fn headers_that_drip_are_left_for_the_next_route() {
    is_left_after_its_first_token_limit("headers-drip").await;
}

#[tokio::test]
async fn a_body_that_trickles_is_left_for_the_next_route() {
    is_left_after_its_first_token_limit("trickle").await;
}

#[tokio::test]
async fn comments_are_no_first_token() {
    is_left_after_its_first_token_limit("comments-only").await;
}

#[tokio::test]
async fn a_caller_that_waits_for_a_slow_stream_is_kept_alive_by_comments() {
    let faulty = Faulty::alone("slow-first-token").await;
    let got = faulty.streamed().await;
    got.assert_whole("cheap");
    assert!(got.body.starts_with(": waiting"), "{got:?}");
    got.assert_took(seconds(20), seconds(30));
}

/// Content without end is no silence: the time of the whole call ends it, clearly.
#[tokio::test]
async fn an_answer_without_end_ends_with_the_budget() {
    let faulty = Faulty::first("endless").await;
    let got = faulty.ask(true, &[("x-obs-deadline-ms", "1000")]).await;
    assert_eq!(got.status, 200);
    got.error();
    got.assert_took(Duration::from_millis(950), Duration::from_millis(1800));
}
