//! How often the layers allocate: alone in a process, as the allocator that counts is shared by all threads.
use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use obs_core::{Call, CallContext, Error, Fingerprint, LlmRequest, LlmResponse, Role, Usage};
use obs_metrics::Metrics;
use obs_timeout::{Adaptive, AttemptTimeoutLayer, CallLimits, HedgeLayer, TimeoutLayer};
use tower::{Layer, Service};

const S: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Ask;

struct Answer;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "gpt-5-mini"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

/// Answers at the second look.
#[derive(Clone)]
struct Model;

struct Reply(bool);

impl Service<Call<Ask>> for Model {
    type Response = Answer;
    type Error = Error;
    type Future = Reply;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, _: Call<Ask>) -> Reply {
        Reply(false)
    }
}

impl Future for Reply {
    type Output = Result<Answer, Error>;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(Ok(Answer)),
            false => Poll::Pending,
        }
    }
}

/// Of a call that waits once, in circumstances that are there already.
fn allocations(mut svc: impl Service<Call<Ask>, Response = Answer, Error = Error>) -> u64 {
    let context = CallContext::default();
    let mut run = || {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(svc.poll_ready(&mut cx).is_ready());
        let mut answer = pin!(svc.call(Call::with_context(Ask, context.clone())));
        assert!(answer.as_mut().poll(&mut cx).is_pending());
        assert!(matches!(answer.poll(&mut cx), Poll::Ready(Ok(_))));
    };
    // What is made once is made here.
    (0..200).for_each(|_| run());
    allocation_counter::measure(run).count_total
}

#[test]
fn a_limit_costs_no_allocation() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    let _in_it = runtime.enter();
    let off = Metrics::disabled();
    assert_eq!(allocations(Model), 0);
    let total = TimeoutLayer::new(30 * S).grace(5 * S).metrics(&off);
    assert_eq!(allocations(total.layer(Model)), 0);
    let total = total.for_model("o3", CallLimits::new().limit(300 * S));
    assert_eq!(allocations(total.layer(Model)), 0);
    let attempt = AttemptTimeoutLayer::new()
        .first_token(10 * S)
        .attempt(60 * S);
    assert_eq!(allocations(attempt.layer(Model)), 0);
    let adaptive = Adaptive::percentile(99.0).warm_up(10);
    let learned = attempt
        .adaptive_attempt(adaptive)
        .adaptive_first_token(adaptive);
    assert_eq!(allocations(learned.layer(Model)), 0);
    let hedge = HedgeLayer::new(S).metrics(&off);
    assert_eq!(
        allocations(hedge.layer(Model)),
        0,
        "a call that is never hedged"
    );
    let hedge = hedge.plain(S).adaptive(adaptive);
    assert!(
        allocations(hedge.layer(Model)) <= 1,
        "room for a scope in the journal"
    );
}
