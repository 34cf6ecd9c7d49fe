//! Redis goes, and no caller notices.
use futures_util::{StreamExt, stream};
use obs_redis::testing::Server;
use tokio::time::Instant;

use crate::gateway::{Gateway, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_in_the_middle_of_two_thousand_calls_is_two_thousand_answers() {
    let mut redis = Server::new();
    // Without memory in front of it, so that every call asks Redis.
    let fast = "--simulated-latency=0.02";
    let gateway = Gateway::start(&["--redis", &redis.url(), "--cache-tier=false", fast]);
    wait_for_hit(&gateway, "warm up").await;

    let mut answers = stream::iter(0..2_000)
        .map(|n| {
            let gateway = &gateway;
            // A quarter of the questions are asked four times.
            let question = format!("question {}", n % 500);
            async move { gateway.ask("", &question).await }
        })
        .buffer_unordered(32);
    let (mut done, mut hits) = (0, 0);
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap_or_else(|error| panic!("call {done} has no answer: {error}"));
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        hits += u32::from(answer.header("x-obs-cache") == "hit");
        done += 1;
        if done == 700 {
            redis.kill();
        }
    }
    assert_eq!(done, 2_000);
    assert!(hits > 0, "the cache was of use until then");
    let scrape = gateway.scrape().await;
    assert!(
        scrape.sum("cache_store_errors_total") > 0.0,
        "the outage is to be seen"
    );
    assert_eq!(
        scrape.sum("timeout_successes_total"),
        scrape.sum("llm_calls_total")
    );

    // It comes back by itself.
    redis.start();
    wait_for_hit(&gateway, "back again").await;
}

#[tokio::test]
async fn redis_absent_at_start_costs_no_answer_and_is_found_when_it_appears() {
    let mut redis = Server::absent(&[]);
    let gateway = Gateway::start(&["--redis", &redis.url(), "--cache-tier=false"]);
    for n in 0..20 {
        let answer = gateway.ask("", &format!("question {n}")).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-obs-cache")),
            (200, "miss")
        );
    }
    redis.start();
    wait_for_hit(&gateway, "is it there?").await;
}

#[tokio::test]
async fn two_gateways_share_one_cache_and_tenants_share_nothing() {
    let redis = Server::new();
    let start = || Gateway::start(&["--redis", &redis.url(), "--cache-tier=false"]);
    let gateways = [start(), start()];
    wait_for_hit(&gateways[0], "who is there?").await;
    // Connections are made in the background, and what the first one asked for until it had its own may be written yet.
    let began = Instant::now();
    loop {
        let there = gateways[1].ask("", "who is there?").await.unwrap();
        let here = gateways[0].ask("", "who is there?").await.unwrap();
        let are_hits = [&there, &here].map(|of| of.header("x-obs-cache") == "hit") == [true; 2];
        if are_hits && there.body == here.body {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "never the same, byte by byte");
    }
    let other = gateways[1]
        .ask("Bearer another", "who is there?")
        .await
        .unwrap();
    assert_eq!(other.header("x-obs-cache"), "miss");
    // No prompt is in a key or a value's name.
    let keys = redis.cli(&["KEYS", "*"]);
    assert!(!keys.is_empty() && !keys.contains("who"), "{keys}");
}

/// Asks until the answer comes from the cache: writes are in the background, and connections are made there.
async fn wait_for_hit(gateway: &Gateway, question: &str) {
    let start = Instant::now();
    loop {
        let answer = gateway.ask("", question).await.expect("an answer");
        assert_eq!(answer.status, 200);
        if answer.header("x-obs-cache") == "hit" {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "never a hit");
    }
}
