//! Routes that keep failing, and a second attempt for those that are slow.
use fault_server::Script;
use tokio::time::{Instant, sleep_until};

use crate::setup::{Faulty, script, seconds};

/// Twenty calls, one every four seconds.
#[tokio::test]
async fn down_for_sixty_seconds_then_healthy_the_breaker_opens_probes_are_few_and_the_route_comes_back()
 {
    let faulty = Faulty::first("503-for-60s").await;
    let start = Instant::now();
    let mut routes = Vec::new();
    for n in 0..20 {
        // The provider's minute passes on its own clock.
        sleep_until(start + seconds(4) * n).await;
        let at = start.elapsed();
        let got = faulty.plain().await;
        let route = got.route().expect("a route").to_owned();
        got.assert_whole(&route);
        routes.push((at, route));
    }
    let end = start.elapsed();
    let down = |at: &Instant| *at < start + seconds(60);
    let asked = faulty.server.log().times("cheap");
    // Five until it opened, and a trial after 5, 10, 20 and 20 s.
    let in_vain = asked.iter().filter(|at| down(at)).count();
    assert!((6..=9).contains(&in_vain), "{in_vain} of {asked:?}");
    assert!(faulty.metric("router_breaker_opened_total{route=\"cheap\"}") >= 3.0);
    let back = routes
        .iter()
        .find(|(at, route)| *at > seconds(20) && route == "cheap");
    let (back, _) = back.unwrap_or_else(|| panic!("never came back in {end:?}: {routes:?}"));
    assert!(*back <= seconds(90), "{routes:?}");
    assert_eq!(routes.last().expect("twenty").1, "cheap");
    assert_eq!(
        faulty.metric("router_breaker_state{route=\"cheap\",state=\"closed\"}"),
        1.0
    );
}

/// There is no going back to the one that is left out, so the shorter limit would leave the caller with nothing.
#[tokio::test]
async fn a_route_that_is_left_out_leaves_the_next_one_all_the_time() {
    let breaker = [
        ("OBS_ROUTER_BREAKER_FAILURES", "1"),
        ("OBS_ROUTER_BREAKER_REST", "60s"),
    ];
    let faulty = Faulty::with("503-forever", &breaker).await;
    faulty.server.script("premium", script("slow-first-token"));
    for asked in 1..=2 {
        let got = faulty.streamed().await;
        got.assert_whole("premium");
        assert!(got.took >= seconds(20), "{got:?}");
        faulty.assert_asked(1, asked);
    }
}

#[tokio::test]
async fn a_breaker_can_be_switched_off() {
    let off = [
        ("OBS_ROUTER_BREAKER_FAILURES", "0"),
        ("OBS_ROUTER_RETRIES", "0"),
    ];
    let faulty = Faulty::with("503-forever", &off).await;
    for _ in 0..8 {
        faulty.plain().await.assert_whole("premium");
    }
    faulty.assert_asked(8, 8);
}

#[tokio::test]
async fn a_stream_that_is_slow_to_begin_is_asked_for_twice_where_that_is_set() {
    let hedged = [("OBS_TIMEOUT_HEDGE_AFTER", "200ms")];
    let faulty = Faulty::with("ok", &hedged).await;
    let slow_once = Script::sequence([script("slow-first-token"), script("ok")]);
    faulty.server.script("cheap", slow_once);
    let got = faulty.streamed().await;
    got.assert_whole("cheap");
    assert!(got.took < seconds(10), "{got:?}");
    faulty.assert_asked(2, 0);
    assert_eq!(faulty.metric("hedge_won_total{operation=\"chat\"}"), 1.0);
}
