//! Settings of comparisons.
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

#[cfg(feature = "budget")]
use obs_budget::Budgets;
use obs_core::Background;
use obs_metrics::Metrics;
use tower_layer::Layer;

use super::{Shadow, ShadowStats, ledger::Ledger, service::Shared};
use crate::{Route, chance::Chance};

/// How long one of the two answers may take by default.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks two routes the same, for a small share of the calls, off the caller's path: to learn by how much the better one is better.
///
/// It belongs **inside of the router**, around what the router calls. Of the calls that a first attempt is made for, a share is drawn, and
/// for each of these both routes are asked in the background, the cheap one first; the answers go to a [`Compare`](crate::Compare).
/// The caller's own call is not touched, and waits for nothing. Embeddings are not compared.
///
/// - **It costs**: two calls for each comparison. Their attempts have the purpose [`Shadow`](obs_core::Purpose::Shadow), in a
///   journal of their own, and are told to the call's listeners, so that metrics of cost and of routes have them; what the call
///   itself paid does not. A budget (`budget`, a feature) bounds them.
/// - **It is bounded**: by the [`Background`] that it is given, which also drains it, and by a [limit](Self::limit) of time for each answer. There
///   is no fail-over and no retry: a comparison that fails is counted, and that is all.
/// - Answers and prompts are held in memory until they are graded, and nowhere else.
///
/// Readiness is passed through. Dropping the caller's call does not end its comparison.
///
/// All services of one layer and of its clones count together; a setter makes a layer that counts for itself.
///
/// | metric | type | labels | counts |
/// |---|---|---|---|
/// | `router_shadow_comparisons_total` | counter | result | `compared`, `failed`, `unaffordable`, `crowded` |
pub struct ShadowLayer<C> {
    routes: [Route; 2],
    background: Background,
    compare: Arc<C>,
    share: f64,
    limit: Duration,
    chance: Chance,
    #[cfg(feature = "budget")]
    budget: Option<(Budgets, &'static str)>,
    /// `None`: those of the process, asked for when the first service is made.
    metrics: Option<Metrics>,
    ledger: Arc<OnceLock<Arc<Ledger>>>,
}

impl<C> ShadowLayer<C> {
    /// Compares the answers of these two routes in this background, and hands them to `compare`. Without a [share](Self::share) it
    /// compares one call in a hundred.
    #[must_use]
    pub fn new(cheap: Route, better: Route, background: Background, compare: C) -> Self {
        Self {
            routes: [cheap, better],
            background,
            compare: Arc::new(compare),
            share: 0.01,
            limit: LIMIT,
            chance: Chance::default(),
            #[cfg(feature = "budget")]
            budget: None,
            metrics: None,
            ledger: Arc::default(),
        }
    }

    /// Which share of the calls is compared.
    ///
    /// # Panics
    ///
    /// If it is not a number from 0 to 1.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "a share is from 0 to 1, not {share}"
        );
        self.share = share;
        self.counting_for_itself()
    }

    /// How long one of the two answers may take: 120 s unless told.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        assert!(!limit.is_zero(), "a limit of zero lets nothing through");
        self.limit = limit;
        self.counting_for_itself()
    }

    /// Compares while this budget has something left, and charges it. Make it [`with_shadows`](obs_budget::Builder::with_shadows).
    #[cfg(feature = "budget")]
    #[must_use]
    pub fn budget(mut self, budgets: Budgets, name: &'static str) -> Self {
        self.budget = Some((budgets, name));
        self.counting_for_itself()
    }

    /// Where a number from 0 to 1 comes from that a call is drawn by, in place of chance.
    #[must_use]
    pub fn random(mut self, draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.chance = Chance::new(draw);
        self.counting_for_itself()
    }

    /// Shows what it counts through these metrics, and not through [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.counting_for_itself()
    }

    /// What became of comparisons, under all services of this layer.
    #[must_use]
    pub fn stats(&self) -> ShadowStats {
        self.ledger
            .get()
            .map(|ledger| ledger.stats())
            .unwrap_or_default()
    }

    fn counting_for_itself(mut self) -> Self {
        self.ledger = Arc::default();
        self
    }
}

impl<S, C> Layer<S> for ShadowLayer<C> {
    type Service = Shadow<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let metrics = || self.metrics.clone().unwrap_or_else(Metrics::global);
        let ledger = self.ledger.get_or_init(|| Ledger::new(&metrics()));
        let shared = Shared {
            routes: self.routes.clone(),
            background: self.background.clone(),
            compare: self.compare.clone(),
            share: self.share,
            limit: self.limit,
            chance: self.chance.clone(),
            #[cfg(feature = "budget")]
            budget: self.budget.clone(),
            ledger: ledger.clone(),
        };
        Shadow::new(inner, Arc::new(shared))
    }
}

impl<C> Clone for ShadowLayer<C> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            background: self.background.clone(),
            compare: self.compare.clone(),
            share: self.share,
            limit: self.limit,
            chance: self.chance.clone(),
            #[cfg(feature = "budget")]
            budget: self.budget.clone(),
            metrics: self.metrics.clone(),
            ledger: self.ledger.clone(),
        }
    }
}

impl<C> fmt::Debug for ShadowLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowLayer")
            .field("routes", &self.routes)
            .field("share", &self.share)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
