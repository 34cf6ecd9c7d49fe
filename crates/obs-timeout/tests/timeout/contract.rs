//! What every layer owes to tower: readiness, clones, cancellation.
use crate::common::{Ask, MS, Reply, S, call};
use obs_core::{Call, Error, ErrorKind, Limit};
use obs_metrics::Metrics;
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::{Layer, Service, limit::ConcurrencyLimit};
use tower_test::mock;

async fn never(_: Call<Ask>) -> Result<Reply, Error> {
    std::future::pending().await
}

fn total() -> TimeoutLayer {
    TimeoutLayer::new(3 * S).metrics(&Metrics::disabled())
}

fn attempt() -> AttemptTimeoutLayer {
    AttemptTimeoutLayer::new().attempt(3 * S).idle(S)
}

macro_rules! contract {
    ($name:ident, $limit:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn inner_not_ready_is_pending_then_woken() {
                let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>($name());
                handle.allow(0);
                assert_pending!(svc.poll_ready());
                assert!(!svc.is_woken());
                handle.allow(1);
                assert!(svc.is_woken());
                assert_ready_ok!(svc.poll_ready());
            }

            #[tokio::test(start_paused = true)]
            async fn calls_the_readied_instance() {
                let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>($name());
                for _ in 0..2 {
                    assert_ready_ok!(svc.poll_ready());
                    let answer = svc.call(call(false));
                    let (_, send) = handle.next_request().await.expect("called");
                    send.send_response(Reply::Whole("hi"));
                    assert!(matches!(answer.await, Ok(Reply::Whole("hi"))));
                }
            }

            #[tokio::test(start_paused = true)]
            async fn clones_do_not_share_readiness() {
                let (model, _handle) = mock::pair::<Call<Ask>, Reply>();
                let limited = ConcurrencyLimit::new(model, 1);
                let mut first = mock::Spawn::new($name().layer(limited));
                let mut second = first.clone();
                assert_ready_ok!(first.poll_ready());
                assert_pending!(second.poll_ready());
                drop(first);
                assert!(second.is_woken());
                assert_ready_ok!(second.poll_ready());
            }

            #[tokio::test(start_paused = true)]
            async fn readiness_error_propagates() {
                let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>($name());
                let limited = Error::new(ErrorKind::RateLimited, "not now");
                handle.send_error(limited);
                let error: Error = assert_ready_err!(svc.poll_ready());
                assert_eq!(error.kind(), ErrorKind::RateLimited);
            }

            #[tokio::test(start_paused = true)]
            async fn dropping_before_call_releases() {
                let (model, _handle) = mock::pair::<Call<Ask>, Reply>();
                let limited = ConcurrencyLimit::new(model, 1);
                let mut other = mock::Spawn::new(limited.clone());
                let mut svc = mock::Spawn::new($name().layer(limited));
                assert_ready_ok!(svc.poll_ready());
                assert_pending!(other.poll_ready());
                drop(svc);
                assert_ready_ok!(other.poll_ready());
            }

            #[tokio::test(start_paused = true)]
            async fn dropping_the_future_cancels_inner() {
                let (model, mut handle) = mock::pair::<Call<Ask>, Reply>();
                let limited = ConcurrencyLimit::new(model, 1);
                let mut other = mock::Spawn::new(limited.clone());
                let mut svc = mock::Spawn::new($name().layer(limited));
                assert_ready_ok!(svc.poll_ready());
                let mut answer = tokio_test::task::spawn(svc.call(call(false)));
                assert_pending!(answer.poll());
                let (_, send) = handle.next_request().await.expect("called");
                assert_pending!(other.poll_ready());
                drop(answer);
                assert!(other.is_woken());
                assert_ready_ok!(other.poll_ready());
                send.send_response(Reply::Whole("nobody waits"));
            }

            #[tokio::test(start_paused = true)]
            async fn ready_at_the_deadline_wins() {
                let (mut svc, mut handle) = mock::spawn_layer::<Call<Ask>, Reply, _>($name());
                assert_ready_ok!(svc.poll_ready());
                let mut answer = tokio_test::task::spawn(svc.call(call(false)));
                assert_pending!(answer.poll());
                let (_, send) = handle.next_request().await.expect("called");
                tokio::time::advance(3 * S).await;
                assert!(answer.is_woken());
                send.send_response(Reply::Whole("just in time"));
                assert_ready_ok!(answer.poll());
            }

            #[tokio::test(start_paused = true)]
            async fn elapsed_at_the_deadline() {
                let (mut svc, _handle) = mock::spawn_layer::<Call<Ask>, Reply, _>($name());
                assert_ready_ok!(svc.poll_ready());
                let mut answer = tokio_test::task::spawn(svc.call(call(false)));
                assert_pending!(answer.poll());
                tokio::time::advance(3 * S - MS).await;
                assert_pending!(answer.poll());
                tokio::time::advance(MS).await;
                let error = assert_ready!(answer.poll()).expect_err("too late");
                assert_eq!(error.kind(), ErrorKind::Timeout);
                assert_eq!(crate::common::elapsed(&error).0, $limit);
            }

            #[test]
            fn services_are_send_sync() {
                fn all<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
                fn send<T: Send>(_: &T) {}
                let (model, _handle) = mock::pair::<Call<Ask>, Reply>();
                let svc = $name().layer(model);
                all(&$name());
                send(&svc);
                fn future<S: Service<Call<Ask>, Future: Send>>(_: &S) {}
                future(&svc);
                all(&$name().layer(tower::service_fn(never)));
            }
        }
    };
}

contract!(total, Limit::Total);
contract!(attempt, Limit::Attempt);
