//! The limits of one attempt, which depend on whether another route is left.
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use obs_core::{Call, CallContext};
use obs_metrics::Metrics;
use obs_timeout::{Adaptive, AttemptTimeout, AttemptTimeoutLayer};
use tower::{Layer, Service, util::Oneshot};

use crate::{api::Api, names::RouteName, settings::Settings};

/// Puts the limits of the settings around each attempt: a shorter one to the first token while another route is left,
/// or the route's own.
#[derive(Clone, Debug)]
pub(crate) struct LimitsLayer(Arc<Limits>);

/// Shows the limits that were learned, of the layer that is in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned(Arc<Mutex<Option<AttemptTimeoutLayer>>>);

#[derive(Clone, Debug)]
struct Limits {
    always: AttemptTimeoutLayer,
    alone: Option<Duration>,
    followed: Option<Duration>,
    routes: Vec<RouteName>,
    /// What the providers are to speak that others can take over.
    api: Api,
    /// In the order of the routes.
    own: Vec<Option<Duration>>,
}

/// The service of [`LimitsLayer`]. Always ready.
#[derive(Clone, Debug)]
pub(crate) struct Limited<S> {
    inner: S,
    limits: Arc<Limits>,
}

impl LimitsLayer {
    pub(crate) fn new(settings: &Settings, routes: &[RouteName], api: Api) -> Self {
        let of = &settings.timeout;
        let mut always = AttemptTimeoutLayer::new();
        if let Some(idle) = of.idle {
            always = always.idle(idle);
        }
        if let Some(attempt) = of.attempt {
            always = always.attempt(attempt);
        }
        if let Some(percentile) = of.adaptive {
            // The limit that is set for a call is the ceiling.
            let learned = Adaptive::percentile(percentile).floor(of.adaptive_floor);
            always = always.adaptive_first_token(learned);
        }
        Self(Arc::new(Limits {
            always,
            alone: of.first_token,
            followed: of.first_token_with_fallback,
            routes: routes.to_vec(),
            api,
            own: settings
                .routes
                .iter()
                .map(|route| route.first_token)
                .collect(),
        }))
    }
}

impl Learned {
    /// Of nobody yet.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let shown = Self::default();
        let of = shown.clone();
        AttemptTimeoutLayer::show_learned_by(metrics, move || of.layer().clone());
        shown
    }

    /// From now on what these have learned is shown, and what others have before is not.
    pub(crate) fn show(&self, limits: &LimitsLayer) {
        *self.layer() = Some(limits.0.always.clone());
    }

    fn layer(&self) -> MutexGuard<'_, Option<AttemptTimeoutLayer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimitsLayer {
    /// The same in front of providers that are to speak this. Both learn together, and what they learn is shown once.
    pub(crate) fn speaking(&self, api: Api) -> Self {
        Self(Arc::new(Limits {
            api,
            ..Limits::clone(&self.0)
        }))
    }
}

impl<S> Layer<S> for LimitsLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            limits: self.0.clone(),
        }
    }
}

impl Limits {
    fn of(&self, context: &CallContext) -> AttemptTimeoutLayer {
        let route = context.route.as_deref();
        let at = route.and_then(|name| self.routes.iter().position(|route| *route.name == *name));
        let own = at.and_then(|at| self.own[at]);
        let limit = own.or_else(
            || match at.is_some_and(|at| self.is_followed(at, context)) {
                // Never a longer one than alone.
                true => self.followed.into_iter().chain(self.alone).min(),
                false => self.alone,
            },
        );
        match limit {
            Some(limit) => self.always.clone().first_token(limit),
            None => self.always.clone(),
        }
    }

    /// Whether there is a route that this call could still fall over to.
    fn is_followed(&self, at: usize, context: &CallContext) -> bool {
        context.journal.with(|report| {
            let tried: HashSet<_> = report
                .attempts
                .iter()
                .filter_map(|a| a.route.as_deref())
                .collect();
            let left = |at: &usize| {
                let route = &self.routes[*at];
                let may = route.speaks(self.api) && context.may_take(&route.name);
                may && !tried.contains(&*route.name)
            };
            let first = report.decisions.first();
            let named = first.filter(|decided| decided.reason == "named");
            let named = named.and_then(|d| self.routes.iter().find(|route| route.name == d.route));
            let left = match named {
                Some(named) => named
                    .fallback
                    .iter()
                    .filter(|next| **next != at)
                    .filter(|next| left(next))
                    .count(),
                None => (0..self.routes.len())
                    .filter(|next| *next != at)
                    .filter(left)
                    .count(),
            };
            // The router went around a route that keeps failing: there is no going back to it.
            let avoided =
                first.is_some_and(|decided| matches!(decided.reason, "fallback" | "context"));
            left > usize::from(avoided)
        })
    }
}

impl<S, R> Service<Call<R>> for Limited<S>
where
    S: Clone,
    AttemptTimeout<S>: Service<Call<R>>,
{
    type Response = <AttemptTimeout<S> as Service<Call<R>>>::Response;
    type Error = <AttemptTimeout<S> as Service<Call<R>>>::Error;
    type Future = Oneshot<AttemptTimeout<S>, Call<R>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let limited = self.limits.of(&call.context).layer(self.inner.clone());
        Oneshot::new(limited, call)
    }
}
