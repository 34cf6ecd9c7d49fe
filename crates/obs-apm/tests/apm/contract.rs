//! The contract of a tower service.

use obs_apm::{Apm, ApmLayer, ResponseFuture};
use obs_core::{Call, ErrorKind};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::limit::ConcurrencyLimit;
use tower_layer::Layer;
use tower_test::mock::{self, Handle, Mock, Spawn};

use crate::common::{Answer, Ask, telemetry};

type Model = Mock<Call<Ask>, Answer>;
type Asks = Handle<Call<Ask>, Answer>;

fn spawn() -> (Spawn<Apm<Model>>, Asks) {
    mock::spawn_layer(ApmLayer::new().telemetry(&telemetry()))
}

fn limited() -> (Spawn<Apm<ConcurrencyLimit<Model>>>, Asks) {
    let layer = ApmLayer::new().telemetry(&telemetry());
    mock::spawn_with(move |mock| layer.layer(ConcurrencyLimit::new(mock, 1)))
}

fn ask() -> Call<Ask> {
    Call::new(Ask::of("model"))
}

#[tokio::test]
async fn inner_not_ready_is_pending_then_woken() {
    let (mut apm, mut handle) = spawn();
    handle.allow(0);
    assert_pending!(apm.poll_ready());
    handle.allow(1);
    assert!(apm.is_woken());
    assert_ready_ok!(apm.poll_ready());
}

#[tokio::test]
async fn calls_the_readied_instance() {
    let (mut apm, mut handle) = spawn();
    for _ in 0..2 {
        assert_ready_ok!(apm.poll_ready());
        let mut call = task::spawn(apm.call(ask()));
        assert_pending!(call.poll());
        let (_, answer) = handle.next_request().await.expect("it was asked");
        answer.send_response(Answer::whole(1, 1));
        assert!(call.is_woken());
        assert_ready_ok!(call.poll());
    }
    assert_eq!(apm.get_ref().stats().success, 2);
}

#[tokio::test]
async fn clones_do_not_share_readiness() {
    let (mut apm, _handle) = limited();
    let mut clone = apm.clone();
    assert_ready_ok!(apm.poll_ready());
    assert_pending!(clone.poll_ready());
    drop(apm);
    assert!(clone.is_woken());
    assert_ready_ok!(clone.poll_ready());
}

#[tokio::test]
async fn readiness_error_propagates() {
    let (mut apm, mut handle) = spawn();
    handle.send_error(crate::common::boxed(ErrorKind::Overloaded));
    let error = assert_ready_err!(apm.poll_ready());
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(apm.get_ref().stats().calls(), 0);
}

#[tokio::test]
async fn dropping_before_call_releases() {
    let (mut apm, _handle) = limited();
    let mut clone = apm.clone();
    assert_ready_ok!(apm.poll_ready());
    drop(apm);
    assert_ready_ok!(clone.poll_ready());
    assert_eq!(clone.get_ref().stats(), obs_apm::Stats::default());
}

#[tokio::test]
async fn dropping_the_future_cancels_inner() {
    let (mut apm, mut handle) = limited();
    let mut clone = apm.clone();
    assert_ready_ok!(apm.poll_ready());
    let mut call = task::spawn(apm.call(ask()));
    assert_pending!(call.poll());
    let (_, answer) = handle.next_request().await.expect("it was asked");
    assert_pending!(clone.poll_ready());
    assert_eq!(apm.get_ref().stats().in_flight, 1);
    drop(call);
    assert!(clone.is_woken());
    assert_ready_ok!(clone.poll_ready());
    let stats = apm.get_ref().stats();
    assert_eq!((stats.cancelled, stats.in_flight), (1, 0));
    answer.send_response(Answer::whole(1, 1));
    assert_eq!(apm.get_ref().stats(), stats);
}

#[tokio::test]
async fn a_call_that_is_dropped_unpolled_is_cancelled() {
    let (mut apm, _handle) = spawn();
    assert_ready_ok!(apm.poll_ready());
    drop(apm.call(ask()));
    let stats = apm.get_ref().stats();
    assert_eq!((stats.cancelled, stats.calls(), stats.in_flight), (1, 1, 0));
}

#[tokio::test]
async fn an_answer_that_never_streams_needs_no_chunks() {
    use crate::common::Plain;
    let layer = ApmLayer::new().telemetry(&telemetry());
    let (mut apm, mut handle) = mock::spawn_layer::<Call<Ask>, Plain, _>(layer.clone());
    assert_ready_ok!(apm.poll_ready());
    let mut call = task::spawn(apm.call(ask()));
    assert_pending!(call.poll());
    let (_, answer) = handle.next_request().await.expect("it was asked");
    answer.send_response(Plain);
    assert!(assert_ready!(call.poll()).is_ok());
    assert_eq!(layer.stats().success, 1);
}

#[test]
fn services_are_send_sync() {
    fn check<T: Send + Sync>() {}
    check::<ApmLayer>();
    check::<Apm<()>>();
    fn check_send<T: Send>() {}
    check_send::<ResponseFuture<std::future::Ready<Result<Answer, obs_core::Error>>, Answer>>();
}

#[tokio::test]
async fn a_service_that_is_not_send_will_do() {
    use std::{future::ready, rc::Rc};
    let here = Rc::new(());
    let inner = tower::service_fn(move |_: Call<Ask>| {
        let _here = here.clone();
        ready(Ok::<_, obs_core::Error>(Answer::whole(1, 1)))
    });
    let layer = ApmLayer::new().telemetry(&telemetry());
    let mut apm = layer.layer(inner);
    let answer = tower_service::Service::call(&mut apm, ask()).await;
    assert!(answer.is_ok());
    assert_eq!(layer.stats().success, 1);
}
