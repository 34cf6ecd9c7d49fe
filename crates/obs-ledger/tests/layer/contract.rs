//! What every layer promises.
use obs_core::*;
use obs_ledger::Outcome;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_test::mock;

use crate::chat::{Answer, Ask, Kept};

type Mock = mock::Mock<Call<Ask>, Answer>;
type Handle = mock::Handle<Call<Ask>, Answer>;

fn mocked(kept: &Kept) -> (mock::Spawn<obs_ledger::Ledgers<Mock>>, Handle) {
    mock::spawn_layer(kept.layer())
}

#[test]
fn inner_not_ready_is_pending_then_woken() {
    let (mut service, mut handle) = mocked(&Kept::default());
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
}

#[test]
fn calls_the_readied_instance_and_tells_each_call() {
    let kept = Kept::default();
    let (mut service, mut handle) = mocked(&kept);
    for _ in 0..2 {
        assert_ready_ok!(service.poll_ready());
        let mut answer = task::spawn(service.call(Call::new(Ask("a"))));
        assert_pending!(answer.poll());
        let (_, send) = assert_ready_some(&mut handle);
        send.send_response(Answer::Whole);
        assert!(answer.is_woken());
        assert_ready_ok!(answer.poll());
    }
    assert_eq!(kept.entries().len(), 2);
}

fn assert_ready_some(handle: &mut Handle) -> (Call<Ask>, mock::SendResponse<Answer>) {
    let mut next = task::spawn(handle.next_request());
    match next.poll() {
        std::task::Poll::Ready(Some(request)) => request,
        _ => panic!("no request"),
    }
}

#[tokio::test]
async fn clones_do_not_share_readiness() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Answer>();
    handle.allow(2);
    let service = Kept::default()
        .layer()
        .layer(ConcurrencyLimit::new(inner, 1));
    let (mut one, mut other) = (service.clone(), service);
    one.ready().await.unwrap();
    let mut waiting = task::spawn(other.ready());
    assert_pending!(waiting.poll());
    drop(one);
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
}

#[test]
fn readiness_errors_propagate() {
    let (mut service, mut handle) = mocked(&Kept::default());
    handle.send_error("gone");
    assert_ready_err!(service.poll_ready());
}

#[tokio::test]
async fn dropping_the_future_cancels_inner_and_is_told_once() {
    let kept = Kept::default();
    let (inner, mut handle) = mock::pair::<Call<Ask>, Answer>();
    handle.allow(2);
    let service = kept.layer().layer(ConcurrencyLimit::new(inner, 1));
    let (mut one, mut other) = (service.clone(), service);
    let answer = one.ready().await.unwrap().call(Call::new(Ask("a")));
    let mut waiting = task::spawn(other.ready());
    assert_pending!(waiting.poll());
    assert!(kept.entries().is_empty());
    drop(answer);
    assert!(waiting.is_woken(), "the permit is free");
    assert_eq!(kept.one().outcome, Outcome::Cancelled);
}

#[test]
fn services_are_send_sync() {
    fn check<T: Send + Sync + Clone>(_: &T) {}
    let layer = Kept::default().layer();
    check(&layer);
    check(&layer.layer(()));
}
