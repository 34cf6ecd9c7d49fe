//! What an always-ready layer owes to tower.
use super::quiet;
use crate::common::{Ask, MS, Reply, S, call, elapsed};
use obs_core::{Call, Deadline, Error, ErrorKind, Limit};
use obs_timeout::{Hedge, HedgeLayer};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Layer, Service, limit::ConcurrencyLimit};
use tower_test::mock;

fn hedge() -> HedgeLayer {
    quiet(2 * S).plain(2 * S)
}

#[tokio::test(start_paused = true)]
async fn inner_not_ready_is_pending_then_woken() {
    let (model, mut handle) = mock::pair::<Call<Ask>, Reply>();
    handle.allow(0);
    let mut svc = mock::Spawn::new(hedge().layer(model));
    assert_ready_ok!(svc.poll_ready());
    let mut answer = task::spawn(svc.call(call(false)));
    assert_pending!(answer.poll());
    assert!(!answer.is_woken());
    assert!(futures_util::FutureExt::now_or_never(handle.next_request()).is_none());
    handle.allow(1);
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("called");
    send.send_response(Reply::Whole("hi"));
    assert!(answer.is_woken());
    assert_ready_ok!(answer.poll());
}

#[tokio::test(start_paused = true)]
async fn calls_the_readied_instance() {
    // The mock panics where a clone is called that was not asked whether it is ready: twice over, the second attempt too.
    let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(hedge());
    for _ in 0..2 {
        assert_ready_ok!(svc.poll_ready());
        let mut answer = task::spawn(svc.call(call(false)));
        assert_pending!(answer.poll());
        let _first = handle.next_request().await.expect("called");
        advance(2 * S).await;
        assert!(answer.is_woken());
        assert_pending!(answer.poll());
        let (_, second) = handle.next_request().await.expect("called again");
        second.send_response(Reply::Whole("hi"));
        assert_ready_ok!(answer.poll());
    }
}

#[tokio::test(start_paused = true)]
async fn clones_do_not_share_readiness() {
    let (model, _handle) = mock::pair::<Call<Ask>, Reply>();
    let limited = ConcurrencyLimit::new(model, 1);
    let mut bare = mock::Spawn::new(limited.clone());
    let mut first = mock::Spawn::new(hedge().layer(limited));
    let mut second = first.clone();
    assert_ready_ok!(first.poll_ready());
    assert_ready_ok!(second.poll_ready());
    assert_ready_ok!(bare.poll_ready(), "nothing was reserved");
}

#[tokio::test(start_paused = true)]
async fn readiness_error_propagates() {
    let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(hedge());
    handle.send_error(Error::new(ErrorKind::RateLimited, "not now"));
    assert_ready_ok!(svc.poll_ready());
    let error = svc.call(call(true)).await.expect_err("not ready");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn dropping_before_call_releases() {
    let (model, _handle) = mock::pair::<Call<Ask>, Reply>();
    let limited = ConcurrencyLimit::new(model, 1);
    let mut other = mock::Spawn::new(limited.clone());
    let mut svc = mock::Spawn::new(hedge().layer(limited));
    assert_ready_ok!(svc.poll_ready());
    drop(svc);
    assert_ready_ok!(other.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_cancels_inner() {
    let layer = hedge();
    let (model, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let limited = ConcurrencyLimit::new(model, 2);
    let mut other = mock::Spawn::new(limited.clone());
    let mut svc = mock::Spawn::new(layer.layer(limited));
    assert_ready_ok!(svc.poll_ready());
    let mut answer = task::spawn(svc.call(call(false)));
    assert_pending!(answer.poll());
    let (_, first) = handle.next_request().await.expect("called");
    advance(2 * S).await;
    assert_pending!(answer.poll());
    let (_, second) = handle.next_request().await.expect("called again");
    assert_pending!(other.poll_ready());
    drop(answer);
    assert!(other.is_woken());
    assert_ready_ok!(other.poll_ready());
    let stats = layer.stats();
    first.send_response(Reply::Whole("nobody waits"));
    second.send_response(Reply::Whole("nobody waits"));
    assert_eq!((stats.started, stats.cancelled), (1, 1));
    assert_eq!(layer.stats(), stats);
}

#[tokio::test(start_paused = true)]
async fn ready_at_the_deadline_wins() {
    let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(hedge());
    assert_ready_ok!(svc.poll_ready());
    let deadline = Deadline::at(Instant::now() + S);
    let mut answer = task::spawn(svc.call(call(false).deadline(deadline)));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("called");
    advance(S).await;
    assert!(answer.is_woken());
    send.send_response(Reply::Whole("just in time"));
    assert_ready_ok!(answer.poll());
}

#[tokio::test(start_paused = true)]
async fn elapsed_at_the_deadline() {
    let (mut svc, _handle) = mock::spawn_layer::<Call<Ask>, Reply, _>(hedge());
    assert_ready_ok!(svc.poll_ready());
    let deadline = Deadline::at(Instant::now() + S);
    let mut answer = task::spawn(svc.call(call(false).deadline(deadline)));
    assert_pending!(answer.poll());
    advance(S - MS).await;
    assert_pending!(answer.poll());
    advance(MS).await;
    let error = assert_ready!(answer.poll()).expect_err("too late");
    assert_eq!(elapsed(&error).0, Limit::Deadline);
}

#[test]
fn services_are_send_sync() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    fn future<S: Service<Call<Ask>, Future: Send + std::fmt::Debug>>(_: &S) {}
    all(&hedge());
    let inner = tower::util::BoxCloneSyncService::new(tower::service_fn(|_: Call<Ask>| async {
        Ok::<_, Error>(Reply::Whole("hi"))
    }));
    let svc: Hedge<_> = hedge().layer(inner);
    all(&svc);
    future(&svc);
    assert!(format!("{svc:?}").starts_with("Hedge"));
}

/// Nothing is asked of the service but that it can be cloned.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_can_be_hedged() {
    let local = std::rc::Rc::new(());
    let inner = tower::service_fn(move |_: Call<Ask>| {
        let local = local.clone();
        async move {
            let _local = local;
            Ok::<_, Error>(Reply::Whole("hi"))
        }
    });
    assert!(
        tower::ServiceExt::oneshot(hedge().layer(inner), call(false))
            .await
            .is_ok()
    );
}
