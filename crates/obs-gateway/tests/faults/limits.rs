//! Too many requests, failures that pass, and failures that do not.
use std::time::Duration;

use crate::setup::Faulty;

const LITTLE: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn too_many_requests_once_with_retry_after_goes_to_the_next_route() {
    for streamed in [false, true] {
        let faulty = Faulty::first("429-once").await;
        let got = faulty.ask(streamed, &[]).await;
        got.assert_whole("premium");
        assert!(got.took < LITTLE, "{got:?}");
        faulty.assert_asked(1, 1);
    }
}

#[tokio::test]
async fn too_many_requests_once_with_retry_after_is_waited_for_where_there_is_no_other_route() {
    let faulty = Faulty::alone("429-once").await;
    faulty.plain().await.assert_whole("cheap");
    let times = faulty.server.log().times("cheap");
    assert_eq!(times.len(), 2);
    assert!(times[1] - times[0] >= Duration::from_secs(2), "{times:?}");
}

#[tokio::test]
async fn too_many_requests_once_with_retry_after_is_told_where_the_budget_does_not_allow_to_wait() {
    let faulty = Faulty::alone("429-once").await;
    let got = faulty.ask(false, &[("x-obs-deadline-ms", "1500")]).await;
    assert_eq!((got.status, got.header("retry-after")), (429, Some("2")));
    assert!(got.took < LITTLE, "{got:?}");
    faulty.assert_asked(1, 0);
}

#[tokio::test]
async fn too_many_requests_for_ever_takes_few_attempts_and_then_the_next_route() {
    for streamed in [false, true] {
        let faulty = Faulty::first("429-forever").await;
        faulty.ask(streamed, &[]).await.assert_whole("premium");
        faulty.assert_asked(2, 1);
        let times = faulty.server.log().times("cheap");
        assert!(
            times[1] - times[0] >= Duration::from_millis(250),
            "{times:?}"
        );
    }
}

#[tokio::test]
async fn an_internal_error_once_is_retried_on_the_same_route() {
    for streamed in [false, true] {
        let faulty = Faulty::first("500-once").await;
        let got = faulty.ask(streamed, &[]).await;
        got.assert_whole("cheap");
        assert_eq!(got.route(), Some("cheap"));
        faulty.assert_asked(2, 0);
        assert_eq!(faulty.metric("router_retries_total{route=\"cheap\"}"), 1.0);
    }
}

#[tokio::test]
async fn unavailable_for_ever_is_left_for_the_next_route() {
    for streamed in [false, true] {
        let faulty = Faulty::first("503-forever").await;
        faulty.ask(streamed, &[]).await.assert_whole("premium");
        faulty.assert_asked(2, 1);
    }
}

#[tokio::test]
async fn unavailable_for_ever_without_another_route_is_the_providers_own_error() {
    for streamed in [false, true] {
        let faulty = Faulty::alone("503-forever").await;
        let got = faulty.ask(streamed, &[]).await;
        assert_eq!(
            (got.status, got.header("x-should-retry")),
            (503, Some("false"))
        );
        assert_eq!(
            got.error()["message"],
            "that model is currently overloaded with other requests"
        );
        faulty.assert_asked(2, 0);
    }
}

/// Model, usage and cost are those of the route that answered; a 503 costs nothing, and its attempts are counted.
#[tokio::test]
async fn unavailable_for_ever_and_the_next_route_answers_with_its_own_model_usage_and_cost() {
    let faulty = Faulty::first("503-forever").await;
    let got = faulty.plain().await;
    got.assert_whole("premium");
    assert_eq!(got.route(), Some("premium"));
    let body: serde_json::Value = serde_json::from_str(&got.body).expect("JSON");
    let tokens = |of: &str| body["usage"][of].as_f64().expect("a number");
    let paid = (tokens("prompt_tokens") * 10.0 + tokens("completion_tokens") * 20.0) / 1e6;
    let told: f64 = got
        .header("x-obs-cost-usd")
        .expect("is known")
        .parse()
        .expect("a number");
    assert!((told - paid).abs() < 1e-12, "{told} {paid}");
    assert_eq!(faulty.metric("router_errors_total{route=\"cheap\"}"), 2.0);
    assert_eq!(faulty.metric("router_errors_total{route=\"premium\"}"), 0.0);
}

/// The first route's answer died half way: what it cost is not known, and so nobody says what the call cost.
#[tokio::test]
async fn what_a_failed_attempt_cost_is_in_the_ledger() {
    let faulty = Faulty::with(
        "stream-dies",
        &[
            ("OBS_ROUTER_RETRIES", "0"),
            ("OBS_ROUTER_COMMIT", "complete"),
        ],
    )
    .await;
    let got = faulty.ask(true, &[("x-obs-report", "1")]).await;
    got.assert_whole("premium");
    let said = got
        .body
        .lines()
        .filter(|line| line.starts_with(':'))
        .collect::<Vec<_>>();
    assert!(!said.iter().any(|line| line.contains("cost=0")), "{said:?}");
    assert_eq!(faulty.metric("router_errors_total{route=\"cheap\"}"), 1.0);
    assert_eq!(
        faulty.metric("router_savings_unknown_total{route=\"premium\"}"),
        1.0
    );
}
