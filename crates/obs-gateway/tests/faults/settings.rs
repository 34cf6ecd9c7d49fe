//! Settings that say what is a failure, and how much is done about it.
use fault_server::Script;

use crate::setup::{Faulty, script, seconds};

fn route(name: &str, more: &str) -> String {
    format!("[[routes]]\nname = \"{name}\"\nmodel = \"{name}\"\n{more}\n")
}

#[tokio::test]
async fn a_prompt_that_surely_does_not_fit_is_not_sent() {
    let windows = |cheap: u32, premium: u32| {
        route("cheap", &format!("context = {cheap}"))
            + &route("premium", &format!("context = {premium}"))
    };
    let long = serde_json::json!({"messages": [{"role": "user", "content": "why ".repeat(50)}]});
    for (cheap, premium, asked) in [(49, 50, (0, 1)), (50, 51, (1, 0)), (20, 30, (1, 0))] {
        let faulty = Faulty::of("ok", &windows(cheap, premium), &[]).await;
        assert_eq!(faulty.ask_with(long.clone()).await.status, 200);
        faulty.assert_asked(asked.0, asked.1);
        let passed = "router_decisions_total{reason=\"context\",route=\"premium\"}";
        assert_eq!(faulty.metric(passed), asked.1 as f64);
    }
    // Where none can hold it the first one says so.
    let faulty = Faulty::of("context-too-long", &windows(20, 30), &[]).await;
    let got = faulty.ask_with(long).await;
    assert_eq!(
        (got.status, &got.error()["code"]),
        (400, &"context_length_exceeded".into())
    );
    faulty.assert_asked(1, 0);
}

#[tokio::test]
async fn what_falls_over_is_split_by_weight() {
    let routes = route("cheap", "")
        + &route("never", "")
        + &route("premium", "weight = 1")
        + &route("other-one", "weight = 1");
    let off = [
        ("OBS_ROUTER_RETRIES", "0"),
        ("OBS_ROUTER_BREAKER_FAILURES", "0"),
    ];
    let faulty = Faulty::of("503-forever", &routes, &off).await;
    for _ in 0..40 {
        assert_eq!(faulty.plain().await.status, 200);
    }
    let log = faulty.server.log();
    // One in 2^30 that one of them has fewer than three.
    let (premium, other) = (log.count("premium"), log.count("other-one"));
    assert_eq!((premium + other, log.count("never")), (40, 0));
    assert!(premium >= 3 && other >= 3, "{premium} {other}");
}

#[tokio::test]
async fn a_route_that_is_slow_is_left_out_where_that_is_a_failure() {
    for (slow, asked) in [("off", 2), ("300ms", 1)] {
        let breaker = [
            ("OBS_ROUTER_BREAKER_FAILURES", "1"),
            ("OBS_ROUTER_BREAKER_REST", "60s"),
            ("OBS_ROUTER_BREAKER_SLOW", slow),
            ("OBS_TIMEOUT_FIRST_TOKEN_WITH_FALLBACK", "off"),
        ];
        let faulty = Faulty::with("slow-first-token", &breaker).await;
        for _ in 0..2 {
            assert_eq!(faulty.streamed().await.status, 200);
        }
        faulty.assert_asked(asked, 2 - asked);
    }
}

/// How many of three slow streams are asked for twice.
async fn hedged(variables: &[(&str, &str)]) -> f64 {
    let hedge = [
        ("OBS_TIMEOUT_HEDGE_AFTER", "100ms"),
        ("OBS_TIMEOUT_HEDGE_SHARE", "1"),
        ("OBS_TIMEOUT_FIRST_TOKEN_WITH_FALLBACK", "off"),
    ];
    let all: Vec<_> = hedge.iter().chain(variables).copied().collect();
    let faulty = Faulty::with("ok", &all).await;
    let turns = (0..6).map(|n| script(["slow-first-token", "ok"][n % 2]));
    faulty.server.script("cheap", Script::sequence(turns));
    for _ in 0..3 {
        let got = faulty.streamed().await;
        assert_eq!(got.status, 200);
        assert!(got.took < seconds(25), "{got:?}");
    }
    faulty.metric("hedge_started_total{operation=\"chat\"}")
}

#[tokio::test]
async fn second_attempts_keep_to_their_share_and_to_their_dollars() {
    assert_eq!(hedged(&[]).await, 3.0);
    let few = [
        ("OBS_TIMEOUT_HEDGE_SHARE", "0"),
        ("OBS_TIMEOUT_HEDGE_BURST", "2"),
    ];
    assert_eq!(hedged(&few).await, 2.0);
    assert_eq!(hedged(&[("OBS_TIMEOUT_HEDGE_BURST", "0")]).await, 0.0);
    // Less than one answer costs.
    let poor = [("OBS_TIMEOUT_HEDGE_USD_PER_HOUR", "0.000001")];
    assert_eq!(hedged(&poor).await, 0.0);
}

#[tokio::test]
async fn an_event_that_is_no_json_is_skipped_and_counted_where_that_is_set() {
    let skipped = "upstream_skipped_events_total{provider=\"faulty\"}";
    let faulty = Faulty::of(
        "bad-event",
        "malformed = \"skip\"\n[[routes]]\nname = \"cheap\"\nmodel = \"cheap\"\n",
        &[],
    )
    .await;
    let got = faulty.streamed().await;
    got.assert_whole("cheap");
    assert_eq!(faulty.metric(skipped), 1.0);
    // It may lack what the event said, and is not kept.
    let again = faulty.ask_again(&got).await;
    assert_eq!(again.header("x-obs-cache"), Some("miss"));
    let faulty = Faulty::alone("bad-event").await;
    faulty.streamed().await.error();
    assert_eq!(faulty.metric(skipped), 0.0);
}

#[tokio::test]
async fn a_limit_that_is_learned_leaves_a_silent_route_sooner() {
    let learned = [
        ("OBS_TIMEOUT_ADAPTIVE", "90"),
        ("OBS_TIMEOUT_ADAPTIVE_FLOOR", "150ms"),
    ];
    let faulty = Faulty::with("ok", &learned).await;
    let before = faulty.gateway.gateway.telemetry().render();
    assert!(!before.contains("timeout_limit_seconds{"), "{before}");
    for _ in 0..100 {
        assert_eq!(faulty.streamed().await.status, 200);
    }
    let limit = faulty.metric("timeout_limit_seconds{limit=\"first_token\",operation=\"chat\"}");
    assert!((0.15..1.0).contains(&limit), "{limit}");
    faulty.server.script("cheap", script("silent"));
    let got = faulty.streamed().await;
    got.assert_whole("premium");
    assert!(got.took < seconds(10), "{got:?}");
    // What begins anew has learned nothing, and what was learned before is not shown beside it.
    let changed = [learned[0], ("OBS_TIMEOUT_ADAPTIVE_FLOOR", "200ms")];
    let changed = faulty.settings(&changed);
    faulty.gateway.gateway.reload(changed).unwrap();
    let after = faulty.gateway.gateway.telemetry().render();
    assert!(!after.contains("timeout_limit_seconds{"), "{after}");
}
