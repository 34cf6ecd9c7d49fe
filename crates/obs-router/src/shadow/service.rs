//! Passes calls through, and compares some.
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

#[cfg(feature = "budget")]
use obs_budget::Budgets;
use obs_core::{
    Background, BoxError, Call, CallContext, Commit, Committed, Deadline, LlmRequest, LlmResponse,
    Operation, Purpose,
};
use tokio::time::timeout;
use tower::util::ServiceExt;
use tower_service::Service;

use super::{Compare, Compared, Comparison, ledger::Ledger};
use crate::{Route, Seen, chance::Chance};

/// Passes calls through, and has some of them answered by two routes off the caller's path. Made by
/// [`ShadowLayer`](crate::ShadowLayer).
pub struct Shadow<S, C> {
    inner: S,
    shared: Arc<Shared<C>>,
}

pub(super) struct Shared<C> {
    pub(super) routes: [Route; 2],
    pub(super) background: Background,
    pub(super) compare: Arc<C>,
    pub(super) share: f64,
    pub(super) limit: Duration,
    pub(super) chance: Chance,
    #[cfg(feature = "budget")]
    pub(super) budget: Option<(Budgets, &'static str)>,
    pub(super) ledger: Arc<Ledger>,
}

impl<S, C> Shadow<S, C> {
    pub(super) fn new(inner: S, shared: Arc<Shared<C>>) -> Self {
        Self { inner, shared }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<C> Shared<C> {
    fn is_drawn<R: LlmRequest>(&self, call: &Call<R>) -> bool {
        call.context.purpose == Purpose::First
            && call.request.operation() != Operation::Embeddings
            && self.share > 0.0
            && self.routes.iter().all(|of| call.context.may_take(&of.name))
            && self.chance.draw() < self.share
            && self.is_affordable()
    }

    #[cfg(feature = "budget")]
    fn is_affordable(&self) -> bool {
        let Some((budgets, name)) = &self.budget else {
            return true;
        };
        let is_affordable = !budgets.left(name).is_exhausted();
        if !is_affordable {
            self.ledger.unaffordable.inc();
        }
        is_affordable
    }

    #[cfg(not(feature = "budget"))]
    fn is_affordable(&self) -> bool {
        true
    }

    fn context(&self, caller: &CallContext) -> CallContext {
        let mut context = caller.fresh(Purpose::Shadow);
        context.deadline = Deadline::default();
        #[cfg(feature = "budget")]
        if let Some((budgets, name)) = &self.budget {
            context.journal.listen(&budgets.payer(name));
        }
        context
    }

    async fn compare<S, R>(self: Arc<Self>, service: S, request: R, context: CallContext)
    where
        R: LlmRequest + Clone,
        S: Service<Call<R>> + Clone,
        S::Response: LlmResponse,
        S::Error: Into<BoxError>,
        C: Compare<R>,
    {
        let [cheap, better] = &self.routes;
        let both = async {
            let cheap = self.ask(cheap, service.clone(), &request, &context).await?;
            let better = self.ask(better, service, &request, &context).await?;
            Some((cheap, better))
        };
        let entry = self.ledger.open();
        let Some((cheap, better)) = both.await else {
            return;
        };
        entry.compared();
        let comparison = Comparison {
            request,
            context,
            cheap,
            better,
        };
        self.compare.compare(comparison).await;
    }

    async fn ask<S, R>(
        &self,
        route: &Route,
        service: S,
        request: &R,
        whole: &CallContext,
    ) -> Option<Compared>
    where
        R: LlmRequest + Clone,
        S: Service<Call<R>>,
        S::Response: LlmResponse,
        S::Error: Into<BoxError>,
    {
        let (mut request, mut context) = (request.clone(), whole.child(Purpose::Shadow));
        context.route = Some(route.name.clone());
        context.deadline = Deadline::after(self.limit, Duration::ZERO);
        if let Some(model) = &route.model {
            request.set_model(model);
        }
        let scope = context.clone();
        let call = Call::with_context(request, context);
        let mut answer = Box::pin(Committed::new(service.oneshot(call), Commit::Complete));
        let Ok(answered) = timeout(self.limit, &mut answer).await else {
            scope.cut(|| drop(answer));
            return None;
        };
        let seen = Seen::of(&answered.ok()?)?;
        let cost = whole.journal.with(|report| report.attempts.last()?.cost);
        Some(Compared {
            route: route.name.clone(),
            answer: seen,
            cost,
        })
    }
}

impl<S, R, C> Service<Call<R>> for Shadow<S, C>
where
    R: LlmRequest + Clone + Send + Sync + 'static,
    S: Service<Call<R>> + Clone + Send + 'static,
    S::Response: LlmResponse + Send,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    C: Compare<R> + Send + Sync + 'static,
    C::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<R>) -> S::Future {
        if self.shared.is_drawn(&call) {
            let shared = self.shared.clone();
            let context = shared.context(&call.context);
            // The one that is ready is the caller's.
            let clone = self.inner.clone();
            let work = shared.compare(clone, call.request.clone(), context);
            if self.shared.background.spawn(work).is_err() {
                self.shared.ledger.crowded.inc();
            }
        }
        self.inner.call(call)
    }
}

impl<S: Clone, C> Clone for Shadow<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Shadow<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("inner", &self.inner)
            .field("routes", &self.shared.routes)
            .field("share", &self.shared.share)
            .finish_non_exhaustive()
    }
}
