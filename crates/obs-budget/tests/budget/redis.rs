//! What several processes spend together, with a real Redis.
use std::time::Duration;

use obs_budget::{Budget, Budgets, Window};
use obs_core::Background;
use obs_redis::{Redis, State, testing::Server};
use tokio::time::{sleep, timeout};

use crate::support::{Clock, usd};

const LONG: Duration = Duration::from_secs(20);

async fn connected(server: &Server) -> Redis {
    let redis = Redis::builder(&server.url())
        .connect()
        .expect("a good address");
    let closed = timeout(LONG, redis.wait_for(State::Closed)).await;
    closed.expect("connected");
    redis
}

fn budgets(redis: &Redis, clock: &Clock) -> Budgets {
    let limits = [
        Budget::dollars(usd("10"), Window::HOUR),
        Budget::requests(100, Window::MINUTE),
    ];
    let builder = Budgets::builder("tenant", limits).every(Duration::from_millis(10));
    clock.on(builder.shared(redis.clone(), Background::new(4)))
}

/// Asks until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let asks = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, asks).await.expect("in time");
}

#[tokio::test]
async fn gateways_share_a_budget_and_survive_its_store() {
    let mut server = Server::new();
    let clock = Clock::at_midnight();
    let (first, second) = (connected(&server).await, connected(&server).await);
    let (one, other) = (budgets(&first, &clock), budgets(&second, &clock));
    assert_eq!(one.admit("a"), Ok(()));
    one.charge("a", usd("4.000000000001"));
    until(|| other.left("a").usd == Some(usd("5.999999999999"))).await;
    until(|| other.left("a").requests == Some(99)).await;
    let keys = server.cli(&["keys", "*"]);
    for key in keys.lines() {
        let ttl: u64 = server.cli(&["ttl", key]).parse().expect("it expires");
        assert!((600..=4200).contains(&ttl), "{key}: {ttl}");
    }
    server.kill();
    other.charge("a", usd("1"));
    until(|| other.stats().store_errors > 0).await;
    until(|| other.left("a").usd == Some(usd("4"))).await;
    server.start();
    until(|| {
        let _ = (one.left("a"), other.left("a"));
        let key = server.cli(&["keys", "*:usd:*"]);
        let sum = server.cli(&["get", &key]);
        // The server has forgotten the first four dollars, and is told of them again.
        sum.parse().is_ok_and(|sum: i64| sum > 4_000_000_000_000)
    })
    .await;
    let keys = server.cli(&["keys", "*"]);
    for key in keys.lines() {
        let ttl: i64 = server.cli(&["ttl", key]).parse().expect("a number");
        assert!(ttl > 0, "{key} came back to be kept for ever");
    }
}
