//! The documented stack, and an audit of what it counted.
use std::time::Duration;

use obs_apm::ApmLayer;
use obs_cache::{CacheLayer, Memory};
use obs_core::*;
use obs_metrics::Metrics;
use obs_router::{Decision, Reason, Route, RouterLayer};
use obs_tests::chat::{Answer, Ask, hi, prices};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_test::mock;

pub(crate) const S: Duration = Duration::from_secs(1);

pub(crate) type Stack = BoxCloneSyncService<Call<Ask>, Answer, Error>;
pub(crate) type Handle = mock::Handle<Ask, Answer>;

pub(crate) struct Layers {
    pub(crate) apm: ApmLayer,
    pub(crate) timeout: TimeoutLayer,
    pub(crate) cache: CacheLayer<Memory>,
    pub(crate) router: Router,
}

pub(crate) type Router = RouterLayer<fn(&Ask, &CallContext) -> Decision>;

/// These routes, of which the first is chosen; the last one is the baseline.
pub(crate) fn router(routes: impl IntoIterator<Item = Route>) -> Router {
    let cheap: fn(&Ask, &CallContext) -> Decision = |_, _| Decision::new("cheap", Reason::Caller);
    RouterLayer::new(cheap, routes).metrics(&Metrics::disabled())
}

pub(crate) fn cheap() -> Route {
    Route::new("cheap").model("small")
}

pub(crate) fn premium() -> Route {
    Route::new("premium").model("big")
}

/// The documented stack. An answer has ten output tokens: 10 pico-dollars with `small`, 100 with `big`.
pub(crate) fn stack<I>(inner: I) -> (Stack, Layers)
where
    I: Service<Ask, Response = Answer, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
    I::Future: Send,
{
    stack_with(router([cheap(), premium()]), inner)
}

/// The documented stack around this router.
pub(crate) fn stack_with<I>(router: Router, inner: I) -> (Stack, Layers)
where
    I: Service<Ask, Response = Answer, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
    I::Future: Send,
{
    let off = Metrics::disabled();
    let layers = Layers {
        apm: ApmLayer::new().metrics(&off).no_spans(),
        timeout: TimeoutLayer::new(60 * S).grace(10 * S).metrics(&off),
        cache: CacheLayer::new(Memory::new(1 << 20)).metrics(&off),
        router,
    };
    let service = ServiceBuilder::new()
        .layer(layers.apm.clone())
        .layer(layers.timeout.clone())
        .layer(layers.cache.clone())
        .layer(layers.router.clone())
        .layer(AttemptTimeoutLayer::new().first_token(30 * S).idle(30 * S))
        .layer(AttemptLayer::new(prices()))
        .service(inner);
    (Stack::new(service), layers)
}

pub(crate) fn mocked() -> (Stack, Layers, Handle) {
    let (inner, mut handle) = mock::pair();
    handle.allow(99);
    let (service, layers) = stack(inner);
    (service, layers, handle)
}

pub(crate) async fn next(handle: &mut Handle) -> (Ask, mock::SendResponse<Answer>) {
    handle.next_request().await.expect("a request")
}

/// Answers the next request in the form that it asks for, and says which model was asked.
pub(crate) async fn reply(handle: &mut Handle) -> String {
    let (ask, send) = next(handle).await;
    send.send_response(hi(ask.stream));
    ask.model
}

/// Its text.
pub(crate) async fn read(service: &Stack, call: Call<Ask>) -> String {
    let answer = service.clone().oneshot(call).await.expect("an answer");
    answer.read().await.expect("a whole stream")
}

/// Paid, saved by the cache, saved by the router, in pico-dollars; where all is known they make up the baseline.
#[track_caller]
pub(crate) fn ledger(journal: &Journal) -> (Option<i128>, Option<i128>, Option<i128>) {
    let report = journal.read();
    let paid = report.paid().exact();
    if let (Some(paid), Some(baseline)) = (paid, report.baseline_cost()) {
        let saved_by_cache = report.saved_by_cache().unwrap_or_default();
        let saved_by_route = report.saved_by_route().unwrap_or_default();
        let sum = paid + saved_by_cache + saved_by_route;
        assert_eq!(sum, baseline, "{report:?}");
    }
    let pico = |usd: Option<Usd>| usd.map(Usd::pico);
    (
        pico(paid),
        pico(report.saved_by_cache()),
        pico(report.saved_by_route()),
    )
}

pub(crate) fn status(journal: &Journal) -> Option<CacheStatus> {
    journal.read().cache.map(|note| note.status)
}

pub(crate) fn outcomes(journal: &Journal) -> Vec<Outcome> {
    let attempts = journal.read().attempts;
    attempts
        .iter()
        .map(|attempt| attempt.outcome.expect("has ended"))
        .collect()
}
