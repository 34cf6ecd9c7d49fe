//! Configuration.
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use obs_core::Commit;
use obs_metrics::Metrics;
use tower_layer::Layer;

use crate::{
    Breaker, InvalidRoutes, NoJudge, Retries, Route, Router, Stats,
    chance::Chance,
    ledger::Counts,
    retries,
    setup::{Setup, Table},
};

/// Sends each call to one of several routes, and to another one when that fails. See the [crate's page](crate).
///
/// All services of one layer and of its clones count together; a setter makes a layer that counts for itself. The figures are
/// shown from the first [`layer`](Layer::layer) on, with zeros for all routes.
pub struct RouterLayer<P, J = NoJudge> {
    policy: Arc<P>,
    judge: Arc<J>,
    routes: Table,
    default: usize,
    baseline: usize,
    commit: Commit,
    auto: Option<Arc<str>>,
    retries: retries::Shared,
    breaker: Option<Breaker>,
    chance: Chance,
    /// `None`: those of the process, asked for when the first service is made.
    metrics: Option<Metrics>,
    counts: Arc<OnceLock<Counts>>,
}

impl<P> RouterLayer<P> {
    /// Routes by this policy. The last route is the default and the baseline, unless told.
    ///
    /// # Panics
    ///
    /// If no router can be made of these routes, see [`InvalidRoutes`]. For routes that a user gives, see
    /// [`try_new`](Self::try_new).
    pub fn new(policy: P, routes: impl IntoIterator<Item = Route>) -> Self {
        match Self::try_new(policy, routes) {
            Ok(layer) => layer,
            Err(error) => panic!("{error}"),
        }
    }

    /// Routes by this policy. The last route is the default and the baseline, unless told.
    ///
    /// # Errors
    ///
    /// If there is no route or more than [`MAX_ROUTES`](crate::MAX_ROUTES), a name is empty, reserved or not unique, a limit or
    /// weight is zero, or a fallback is no other route.
    pub fn try_new(
        policy: P,
        routes: impl IntoIterator<Item = Route>,
    ) -> Result<Self, InvalidRoutes> {
        let routes = Table::new(routes.into_iter().collect())?;
        let last = routes.len() - 1;
        Ok(Self {
            policy: Arc::new(policy),
            judge: Arc::new(NoJudge),
            routes,
            default: last,
            baseline: last,
            commit: Commit::default(),
            auto: None,
            retries: retries::Shared::new(Retries::new(0)),
            breaker: None,
            chance: Chance::default(),
            metrics: None,
            counts: Arc::default(),
        })
    }
}

impl<P, J> RouterLayer<P, J> {
    /// The policy, to ask it for [explanations](crate::Policy::explain).
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The route of calls for which the policy gives no useful answer.
    ///
    /// # Panics
    ///
    /// If there is no such route.
    #[must_use]
    pub fn default_route(mut self, name: &str) -> Self {
        self.default = self.place(name);
        self.counting_for_itself()
    }

    /// The route that calls would have taken without a router: savings are measured against it.
    ///
    /// # Panics
    ///
    /// If there is no such route.
    #[must_use]
    pub fn baseline(mut self, name: &str) -> Self {
        self.baseline = self.place(name);
        self.counting_for_itself()
    }

    /// Up to which point of a stream a failure is repaired unseen, by another route. What comes before it is held back, and so
    /// adds to the time to the first token.
    #[must_use]
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = commit;
        self.counting_for_itself()
    }

    /// Lets callers choose by the model that they ask for: `auto` leaves it to the policy; the name of a route, or of its model,
    /// is obeyed, and falls over only along the [fallback](Route::fallback) of that route; with any other name the call passes
    /// through as it is, with no route in its context, and is counted as [`OTHER`](crate::OTHER). Savings of a call that names its
    /// route are measured against that route.
    ///
    /// Embeddings never move to another model: `auto` is an error of the caller's for them, and a route falls over only to routes
    /// with the same model.
    ///
    /// Without this, the policy decides every call whatever model it asks for; embeddings then pass through.
    ///
    /// # Panics
    ///
    /// If the name is empty, or that of a route or of its model.
    #[must_use]
    pub fn obey_names(mut self, auto: &str) -> Self {
        if auto.is_empty() || self.routes.asked_for(auto).is_some() {
            panic!("{}", InvalidRoutes::Auto(auto.into()));
        }
        self.auto = Some(auto.into());
        self.counting_for_itself()
    }

    /// Asks the same route again after failures that may pass. Unset: the next route is asked at once.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries::Shared::new(retries);
        self.counting_for_itself()
    }

    /// Leaves routes out that keep failing. Unset: every call tries its route.
    #[must_use]
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self.counting_for_itself()
    }

    /// Where chance decides (which of several [weighted](Route::weight) routes is next, and how much longer a pause is), it asks
    /// here for a number from 0 to 1. Unset: a random one. For tests, and for what is to be repeated.
    #[must_use]
    pub fn chance(mut self, draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.chance = Chance::new(draw);
        self.counting_for_itself()
    }

    /// This layer with a judge, for requests of one type where the layer serves several: it counts together with this one, and shares
    /// its policy and its breakers. The judge of this layer is not asked.
    #[must_use]
    pub fn judged_by<K>(&self, judge: K) -> RouterLayer<P, K> {
        RouterLayer {
            policy: self.policy.clone(),
            judge: Arc::new(judge),
            routes: self.routes.clone(),
            default: self.default,
            baseline: self.baseline,
            commit: self.commit,
            auto: self.auto.clone(),
            retries: self.retries.clone(),
            breaker: self.breaker.clone(),
            chance: self.chance.clone(),
            metrics: self.metrics.clone(),
            counts: self.counts.clone(),
        }
    }

    /// Asks this judge whether an answer will do, before it goes out.
    #[must_use]
    pub fn judge<K>(self, judge: K) -> RouterLayer<P, K> {
        RouterLayer {
            policy: self.policy,
            judge: Arc::new(judge),
            routes: self.routes,
            default: self.default,
            baseline: self.baseline,
            commit: self.commit,
            auto: self.auto,
            retries: self.retries,
            breaker: self.breaker,
            chance: self.chance,
            metrics: self.metrics,
            counts: Arc::default(),
        }
    }

    /// Shows what it counts through these metrics, and not through [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.counting_for_itself()
    }

    /// What was counted under all services of this layer.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counts = self.counts.get();
        counts.map(|of| of.ledger.stats()).unwrap_or_default()
    }

    fn place(&self, name: &str) -> usize {
        match self.routes.named(name) {
            Some(at) => at,
            None => panic!("{}", InvalidRoutes::Unknown(name.into())),
        }
    }

    fn counting_for_itself(mut self) -> Self {
        self.counts = Arc::default();
        self
    }
}

impl<S, P, J> Layer<S> for RouterLayer<P, J> {
    type Service = Router<S, P, J>;

    fn layer(&self, inner: S) -> Self::Service {
        let metrics = || self.metrics.clone().unwrap_or_else(Metrics::global);
        let counts = self
            .counts
            .get_or_init(|| Counts::new(&self.routes, self.breaker.as_ref(), &metrics()));
        let setup = Setup {
            policy: self.policy.clone(),
            judge: self.judge.clone(),
            routes: self.routes.clone(),
            default: self.default,
            baseline: self.baseline,
            commit: self.commit,
            auto: self.auto.clone(),
            retries: self.retries.clone(),
            chance: self.chance.clone(),
            counts: counts.clone(),
        };
        Router::new(inner, Arc::new(setup))
    }
}

impl<P, J> Clone for RouterLayer<P, J> {
    fn clone(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            judge: self.judge.clone(),
            routes: self.routes.clone(),
            default: self.default,
            baseline: self.baseline,
            commit: self.commit,
            auto: self.auto.clone(),
            retries: self.retries.clone(),
            breaker: self.breaker.clone(),
            chance: self.chance.clone(),
            metrics: self.metrics.clone(),
            counts: self.counts.clone(),
        }
    }
}

impl<P, J> fmt::Debug for RouterLayer<P, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterLayer")
            .field("routes", &self.routes)
            .field("default", &self.routes.name(self.default))
            .field("baseline", &self.routes.name(self.baseline))
            .field("commit", &self.commit)
            .field("auto", &self.auto)
            .field("retries", &self.retries)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}
