//! What every layer owes to tower.
use std::time::Duration;

use obs_core::{AttemptLayer, Call, Deadline, Elapsed, Limit, Outcome, PriceTable};
use obs_metrics::Metrics;
use obs_router::{NoJudge, Reason, Router, RouterLayer};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Service, limit::ConcurrencyLimit};
use tower_layer::Layer;
use tower_test::mock;

use crate::support::*;

type Mock = mock::Mock<Call<Ask>, Reply>;

fn one_route() -> RouterLayer<impl obs_router::Policy<Ask> + Copy> {
    let [cheap, _] = routes();
    RouterLayer::new(to("cheap"), [cheap]).metrics(&Metrics::disabled())
}

/// Ready at once; it is the future that waits, and is woken.
#[tokio::test]
async fn inner_not_ready_is_pending_then_woken() {
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(one_route());
    handle.allow(0);
    assert_ready_ok!(router.poll_ready());
    let mut answer = task::spawn(router.call(ask()));
    assert_pending!(answer.poll());
    assert!(task::spawn(handle.next_request()).poll().is_pending());
    assert!(!answer.is_woken());
    handle.allow(1);
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    let (asked, send) = handle.next_request().await.expect("asked");
    assert_eq!(asked.request.model, "small");
    send.send_response(whole("a"));
    assert_eq!(assert_ready_ok!(answer.poll()).text(), "a");
}

/// The mock panics if a service is called that was not polled ready.
#[tokio::test]
async fn calls_the_readied_instance() {
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(one_route());
    for text in ["a", "b"] {
        assert_ready_ok!(router.poll_ready());
        let mut answer = task::spawn(router.call(ask()));
        assert_pending!(answer.poll());
        let (_, send) = handle.next_request().await.expect("asked");
        send.send_response(whole(text));
        assert_eq!(assert_ready_ok!(answer.poll()).text(), text);
    }
}

/// Being ready reserves nothing inside.
#[tokio::test]
async fn clones_do_not_share_readiness() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let limited = ConcurrencyLimit::new(inner, 1);
    let mut bare = task::spawn(limited.clone());
    let mut router = task::spawn(one_route().layer(limited));
    let mut clone = router.clone();
    assert_ready_ok!(router.enter(|cx, mut s| s.poll_ready(cx)));
    assert_ready_ok!(task::spawn(()).enter(|cx, _| clone.poll_ready(cx)));
    handle.allow(2);
    assert_ready_ok!(bare.enter(|cx, mut s| s.poll_ready(cx)));
}

#[tokio::test]
async fn readiness_error_propagates() {
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(one_route());
    handle.send_error("broken");
    assert_ready_ok!(router.poll_ready());
    let error = router.call(ask()).await.unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

#[tokio::test]
async fn dropping_before_the_first_poll_asks_nobody() {
    let layer = one_route();
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(layer.clone());
    handle.allow(1);
    assert_ready_ok!(router.poll_ready());
    drop(router.call(ask()));
    assert!(task::spawn(handle.next_request()).poll().is_pending());
    assert_eq!(layer.stats().calls(), 1);
}

#[tokio::test]
async fn dropping_the_future_cancels_inner() {
    let layer = one_route();
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    handle.allow(2);
    let limited = ConcurrencyLimit::new(inner, 1);
    let recorded = AttemptLayer::new(PriceTable::new())
        .enveloped()
        .layer(limited.clone());
    let mut router = layer.layer(recorded);
    let call = ask();
    let journal = call.journal();
    let mut answer = task::spawn(router.call(call));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    let mut other = task::spawn(limited);
    assert_pending!(other.enter(|cx, mut s| s.poll_ready(cx)));
    assert_eq!(layer.stats().calls(), 0);
    drop(answer);
    assert!(other.is_woken(), "the permit is free");
    assert_eq!(outcomes(&journal)[0].2, Outcome::Cancelled);
    send.send_response(whole("late"));
    let stats = layer.stats();
    let cheap = stats.route("cheap").expect("a route");
    assert_eq!((stats.calls(), cheap.decisions(Reason::Caller)), (1, 1));
    assert_eq!((cheap.attempts, cheap.errors), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn ready_at_the_deadline_wins() {
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(one_route());
    assert_ready_ok!(router.poll_ready());
    let mut answer = task::spawn(router.call(ask().deadline(Deadline::at(Instant::now() + S))));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    advance(S).await;
    send.send_response(whole("a"));
    assert_eq!(assert_ready_ok!(answer.poll()).text(), "a");
}

#[tokio::test(start_paused = true)]
async fn elapsed_at_the_deadline() {
    let (mut router, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(one_route());
    assert_ready_ok!(router.poll_ready());
    let mut answer = task::spawn(router.call(ask().deadline(Deadline::at(Instant::now() + S))));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    advance(S - Duration::from_millis(1)).await;
    assert_pending!(answer.poll());
    advance(Duration::from_millis(1)).await;
    assert!(answer.is_woken());
    let error = assert_ready!(answer.poll()).unwrap_err();
    assert_eq!(
        error.find::<Elapsed>().expect("a limit").limit(),
        Limit::Deadline
    );
    send.send_response(whole("late"));
}

#[test]
fn services_are_send_sync() {
    fn check<T: Send + Sync>(_: &T) {}
    let layer = RouterLayer::new(obs_router::Complexity::default(), routes());
    check(&layer);
    let (inner, _handle) = mock::pair::<Call<Ask>, Reply>();
    let mut router: Router<Mock, _, NoJudge> = layer.metrics(&Metrics::disabled()).layer(inner);
    check(&router);
    fn sends<T: Send>(_: &T) {}
    sends(&router.call(ask()));
}
