//! A call that is dropped gives everything back at once, over real sockets.
use std::time::Duration;

use fault_server::{FaultServer, Script};
use obs_core::{AttemptLayer, Call, Outcome, PriceTable, Purpose};
use obs_metrics::Metrics;
use obs_openai::{ChatRequest, Upstream};
use obs_timeout::{AttemptTimeoutLayer, HedgeLayer, TimeoutLayer};
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};

const SOON: Duration = Duration::from_secs(2);

async fn until(what: &str, is: impl Fn() -> bool) {
    let looked = timeout(SOON, async {
        while !is() {
            sleep(Duration::from_millis(2)).await;
        }
    });
    looked.await.unwrap_or_else(|_| panic!("{what}"));
}

fn ask() -> Call<ChatRequest> {
    Call::new(ChatRequest::new("m").user("hello").stream(true))
}

/// Two permits inside: for an attempt and its hedge.
#[tokio::test]
async fn permits_of_an_attempt_and_of_its_hedge_are_free_when_the_call_is_dropped() {
    let server = FaultServer::start().await.expect("a free port");
    let turns = ["silent", "silent", "ok"].map(|fault| fault.parse().expect("a fault"));
    server.script("m", Script::sequence(turns));
    let upstream = Upstream::builder(server.base_url()).api_key("k").build();
    let off = Metrics::disabled();
    let hedge = HedgeLayer::new(Duration::from_millis(20)).metrics(&off);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(60)).metrics(&off))
        .layer(hedge.clone())
        .layer(AttemptTimeoutLayer::new().first_token(Duration::from_secs(30)))
        .layer(ConcurrencyLimitLayer::new(2))
        .layer(AttemptLayer::new(PriceTable::new()).enveloped())
        .service(upstream.expect("an upstream"));

    let call = ask();
    let journal = call.journal();
    let mut first = Box::pin(service.clone().oneshot(call));
    let two = until("no hedge was made", || server.log().under_way("m") == 2);
    tokio::select! {
        _ = &mut first => panic!("silence was answered"),
        () = two => {}
    }

    // No permit is left: who comes waits, and asks nobody.
    let second = service.clone().oneshot(ask());
    let mut second = Box::pin(second);
    let waited = timeout(Duration::from_millis(100), &mut second).await;
    assert!(waited.is_err());
    assert_eq!(server.log().count("m"), 2);

    drop(first);
    let dropped = Instant::now();
    let attempts = journal.read().attempts;
    let told: Vec<_> = attempts.iter().map(|a| (a.purpose, a.outcome)).collect();
    let cancelled = Some(Outcome::Cancelled);
    assert_eq!(
        told,
        [(Purpose::First, cancelled), (Purpose::Hedge, cancelled)]
    );
    assert_eq!(hedge.stats().cancelled, 1);
    let answer = timeout(SOON, second).await.expect("a permit is free");
    answer.expect("is answered");
    until("a connection is still open", || {
        server.log().left("m").len() == 2
    })
    .await;
    for left in server.log().left("m") {
        let took = left.saturating_duration_since(dropped);
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}
