//! A provider that is down for a minute.
use tokio::time::{Instant, sleep_until};

use crate::setup::{Faulty, seconds};

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
