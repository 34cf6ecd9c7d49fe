//! A caller that leaves takes everything with it.
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::{
    common::client,
    setup::{Faulty, new_prompt, question},
};

const SOON: Duration = Duration::from_secs(2);

/// Looks again and again until it is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    let looked = timeout(SOON, async {
        while !is() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    looked.await.unwrap_or_else(|_| panic!("{what}"));
}

async fn leaves(fault: &str, streamed: bool) {
    let faulty = Faulty::first(fault).await;
    let request = client().post(faulty.gateway.url("/v1/chat/completions"));
    let request = request.json(&question("auto", &new_prompt(), streamed));
    let mut caller = Box::pin(async move {
        let mut answer = request.send().await.expect("is answered");
        while answer.chunk().await.expect("goes on").is_some() {}
    });
    let meanwhile = until("the provider was never asked", || {
        faulty.server.log().under_way("cheap") == 1
    });
    tokio::select! {
        () = &mut caller => panic!("{fault} was answered"),
        () = async {
            meanwhile.await;
            // Into the answer, where there is one.
            sleep(Duration::from_millis(150)).await;
        } => {}
    }
    drop(caller);
    let dropped = Instant::now();
    until("the provider's connection is still open", || {
        faulty.server.log().left("cheap").len() == 1
    })
    .await;
    let took = faulty.server.log().left("cheap")[0].saturating_duration_since(dropped);
    assert!(took < Duration::from_millis(500), "{took:?}");
    let cancelled = || faulty.metric("timeout_cancelled_total{operation=\"chat\"}") == 1.0;
    until("it is not counted as cancelled", cancelled).await;
    faulty.assert_asked(1, 0);
    assert_eq!(faulty.metric("router_errors_total{route=\"cheap\"}"), 0.0);
    assert_eq!(faulty.server.log().under_way("cheap"), 0);
    // The next one is served as if nothing had been.
    faulty.server.script("cheap", crate::setup::script("ok"));
    faulty.plain().await.assert_whole("cheap");
}

#[tokio::test]
async fn a_caller_that_leaves_before_a_plain_answer_closes_the_providers_connection() {
    leaves("silent", false).await;
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_first_token_closes_the_providers_connection() {
    leaves("slow-first-token", true).await;
}

#[tokio::test]
async fn a_caller_that_leaves_in_the_middle_of_a_stream_closes_the_providers_connection() {
    leaves("endless", true).await;
}

#[tokio::test]
async fn a_caller_that_leaves_between_two_tries_is_not_tried_for_any_more() {
    let faulty = Faulty::alone("429-once").await;
    let call = faulty.plain();
    timeout(Duration::from_millis(500), call)
        .await
        .expect_err("it waits two seconds");
    sleep(Duration::from_millis(2500)).await;
    faulty.assert_asked(1, 0);
}
