//! Routes that are services.
use obs_core::{Call, Error, ErrorKind};
use obs_metrics::Metrics;
use obs_router::{Backends, NoBackend, RouterLayer};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;
use tower_test::mock;

use crate::support::*;

fn says(
    text: &'static str,
) -> impl Service<Call<Ask>, Response = Reply, Error = Error, Future: Send> + Clone {
    service_fn(move |_: Call<Ask>| async move { Ok::<_, Error>(whole(text)) })
}

#[tokio::test]
async fn routes_may_be_services() {
    for (route, text) in [("cheap", "A"), ("premium", "B")] {
        let layer = RouterLayer::new(to(route), routes()).metrics(&Metrics::disabled());
        let backends = Backends::new([("cheap", says("A")), ("premium", says("B"))]);
        let answer = layer.layer(backends).oneshot(ask()).await.unwrap();
        assert_eq!(answer.text(), text);
    }
}

#[tokio::test]
async fn a_call_without_a_backend_goes_to_the_default_one_or_fails() {
    let backends = Backends::new([("cheap", says("A"))]);
    let error = backends.clone().oneshot(ask()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert_eq!(error.find::<NoBackend>().expect("its cause").route(), None);
    let mut call = ask();
    call.context.route = Some("x".into());
    let error = backends.clone().oneshot(call).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no backend for route `x`");
    let answer = backends.otherwise(says("D")).oneshot(ask()).await.unwrap();
    assert_eq!(answer.text(), "D");
}

/// Ready at once, whatever its services are; the future waits for the chosen one.
#[tokio::test]
async fn backends_wait_for_the_chosen_service_in_the_future() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    handle.allow(0);
    let mut backends = task::spawn(Backends::new([("cheap", inner)]));
    assert_ready_ok!(backends.enter(|cx, mut s| Service::<Call<Ask>>::poll_ready(&mut *s, cx)));
    let mut call = ask();
    call.context.route = Some("cheap".into());
    let mut answer = task::spawn(backends.call(call));
    assert_pending!(answer.poll());
    handle.allow(1);
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    send.send_response(whole("a"));
    assert_eq!(assert_ready_ok!(answer.poll()).text(), "a");
}
