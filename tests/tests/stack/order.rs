//! Other orders work, and mean something else: why the documented one is as it is.
use obs_cache::{CacheLayer, Memory};
use obs_core::*;
use obs_metrics::Metrics;
use obs_router::{Decision, Reason, RouterLayer};
use obs_tests::chat::{Answer, Ask, ask, hi, prices};
use obs_timeout::TimeoutLayer;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::support::{S, cheap, ledger, premium, router};

/// The router outside of the cache: each route has entries of its own, and a hit is still a decision.
#[tokio::test]
async fn a_router_outside_of_the_cache_keeps_an_answer_for_each_route() {
    let by_prompt = |ask: &Ask, _: &CallContext| match &*ask.prompt {
        "p" => Decision::new("cheap", Reason::Caller),
        _ => Decision::new("premium", Reason::Caller),
    };
    let off = Metrics::disabled();
    let router = RouterLayer::new(by_prompt, [cheap(), premium()]).metrics(&off);
    let service = ServiceBuilder::new()
        .layer(router.clone())
        .layer(CacheLayer::new(Memory::new(1 << 20)).metrics(&off))
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|_: Ask| async { Ok::<_, Error>(hi(false)) }));
    let ask = async |prompt: &str| {
        let mut call = ask(false);
        call.request.prompt = prompt.into();
        let journal = call.journal();
        service.clone().oneshot(call).await.unwrap();
        ledger(&journal)
    };
    assert_eq!(ask("p").await, (Some(10), None, Some(90)));
    assert_eq!(ask("p").await, (Some(0), Some(10), None));
    assert_eq!(ask("q").await, (Some(100), None, Some(0)));
    assert_eq!(router.stats().calls(), 3);
}

/// The timeout inside of the router: every route has the whole limit, so that a silent model takes it twice.
#[tokio::test(start_paused = true)]
async fn a_timeout_inside_of_the_router_holds_for_each_route() {
    let never = service_fn(|_: Ask| std::future::pending::<Result<Answer, Error>>());
    let service = ServiceBuilder::new()
        .layer(router([cheap(), premium()]))
        .layer(TimeoutLayer::new(30 * S).metrics(&Metrics::disabled()))
        .layer(AttemptLayer::new(prices()))
        .service(never);
    let start = Instant::now();
    let error = service.oneshot(ask(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), 60 * S);
}
