//! The layer.
mod freshness;

use std::{sync::Arc, time::Duration};

use obs_core::FingerprintSecret;
use obs_metrics::Metrics;
use tower_layer::Layer;

use crate::{
    Cache, CacheHandle, Clock, Fallbacks, Stats, Store, Tenants, flight::Flights, ledger::Ledger,
    resting::Resting, settings::Settings, shared::Shared,
};

/// Puts a cache around a service.
///
/// Plain settings: each service that it makes has flights of its own, and shares them with its clones. All of them
/// share the store, and count together ([`stats`](Self::stats)).
#[derive(Clone, Debug)]
pub struct CacheLayer<St> {
    pub(crate) store: St,
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Ledger>,
    metrics: Option<Metrics>,
}

impl<St> CacheLayer<St> {
    /// Keeps answers in this store, for an hour.
    #[must_use]
    pub fn new(store: St) -> Self {
        Self {
            store,
            settings: Settings::default(),
            ledger: Arc::default(),
            metrics: None,
        }
    }

    /// Largest answer in bytes that is kept: 1 MiB by default. So much of a stream is held for callers who join
    /// it, and for those who read more slowly than others; who falls behind further is cut off.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "an answer has a byte at least");
        self.settings.max_entry_bytes = bytes;
        self
    }

    /// Lets one of the processes that share a store ask at a time, for so long at most; the others wait for its answer, and
    /// call themselves when it has not come by then. Not by default, and of no use with a store of this process alone.
    ///
    /// Choose a time in which most answers are complete: who waits for another process has nothing of a stream before it
    /// is complete and kept. Its answer counts as coalesced. When the process that asks fails, or ends, another asks, at the
    /// latest after this time; when the store fails, all do at once. Calls that say `no-cache` wait for nobody.
    /// A refresh is left to the process that has the lease, or has had it since: meanwhile the others give what they have, as
    /// they may.
    ///
    /// # Panics
    ///
    /// With less than a millisecond.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        let lasts = time >= Duration::from_millis(1);
        assert!(
            lasts,
            "a lease lasts a millisecond at least: leave it out instead"
        );
        self.settings.lease = Some(time);
        self
    }

    /// A secret for keys: who does not know it cannot tell from a key what was asked. Processes that are to share
    /// answers need the same one; without, a fixed one does.
    #[must_use]
    pub fn key(mut self, secret: FingerprintSecret) -> Self {
        self.settings.secret = Some(secret);
        self
    }

    /// Whether tenants see each other's answers: they do not by default.
    #[must_use]
    pub fn tenants(mut self, tenants: Tenants) -> Self {
        self.settings.tenants = tenants;
        self
    }

    /// What becomes of an answer that was given in the place of another: it is not kept by default.
    #[must_use]
    pub fn fallbacks(mut self, fallbacks: Fallbacks) -> Self {
        self.settings.fallbacks = fallbacks;
        self
    }

    /// Wall time: the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Where counts are shown: [`Metrics::global`] by default. From here on it counts anew.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.ledger = Arc::default();
        self
    }

    /// What all services of this layer, and of its clones, have counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.settings.stats(&self.ledger)
    }

    /// For removing answers. Take it from the layer as it is used: it makes keys by the same settings.
    #[must_use]
    pub fn handle(&self) -> CacheHandle<St>
    where
        St: Store,
    {
        CacheHandle::new(
            self.store.clone(),
            self.settings.clone(),
            self.ledger.clone(),
        )
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &St {
        &self.store
    }
}

impl<S, St: Store> Layer<S> for CacheLayer<St> {
    type Service = Cache<S, St>;

    fn layer(&self, inner: S) -> Cache<S, St> {
        let metrics = self.metrics.clone().unwrap_or_else(Metrics::global);
        self.ledger.register(&metrics);
        self.store.observe(&metrics);
        let shared = Shared {
            store: self.store.clone(),
            settings: self.settings.clone(),
            ledger: self.ledger.clone(),
            flights: Flights::default(),
            resting: Resting::default(),
            since: self.settings.clock.now(),
        };
        Cache::new(inner, Arc::new(shared))
    }
}
