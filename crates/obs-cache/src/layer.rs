//! Settings, and the layer.
use std::{sync::Arc, time::Duration};

use obs_core::{Background, Call, FingerprintSecret, Key, LlmRequest};
use obs_metrics::Metrics;
use tower_layer::Layer;

use crate::{
    Cache, CacheHandle, Clock, Stats, Store,
    flight::Flights,
    freshness::Windows,
    key::{self, Derived},
    ledger::Ledger,
    refresh::{Refresh, Resting},
    service::Shared,
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

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    /// The largest part by which the time to live of one answer is shorter.
    pub(crate) jitter: f64,
    pub(crate) stale: Windows,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) refresh_limit: Duration,
    pub(crate) max_entry_bytes: usize,
    pub(crate) secret: Option<FingerprintSecret>,
    pub(crate) tenants: Tenants,
    pub(crate) fallbacks: Fallbacks,
    pub(crate) clock: Clock,
}

/// Whether tenants see each other's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tenants {
    /// They do not.
    #[default]
    Apart,
    /// They do: for callers of one organization, whose answers hold nothing that is for one of them alone.
    Together,
}

/// What becomes of an answer that a route gave in the place of another that had failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallbacks {
    /// It is given to those who wait, and not kept: a stopgap should not outlive the outage.
    #[default]
    Forget,
    /// It is kept as any other.
    Keep,
}

impl Settings {
    pub(crate) fn key_of<R: LlmRequest>(&self, call: &Call<R>, derived: Derived) -> Key {
        key::end(
            key::begin(call, self.tenants, self.secret.as_ref()),
            derived,
        )
    }
}

impl<St> CacheLayer<St> {
    /// Keeps answers in this store, for an hour.
    #[must_use]
    pub fn new(store: St) -> Self {
        Self {
            store,
            settings: Settings {
                ttl: Duration::from_secs(3600),
                jitter: 0.05,
                stale: Windows::default(),
                refresh: None,
                refresh_limit: Duration::from_secs(60),
                max_entry_bytes: 1 << 20,
                secret: None,
                tenants: Tenants::default(),
                fallbacks: Fallbacks::default(),
                clock: Clock::system(),
            },
            ledger: Arc::default(),
            metrics: None,
        }
    }

    /// For how long an answer is given again: an hour by default. It is kept in milliseconds.
    ///
    /// # Panics
    ///
    /// With less than a millisecond: leave the layer out instead.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        let enough = ttl >= Duration::from_millis(1);
        assert!(
            enough,
            "a cache that keeps nothing is no cache: leave the layer out"
        );
        self.settings.ttl = ttl;
        self
    }

    /// By how much the time to live of one answer is shorter at most, as a part from 0 to 1: 0.05 by default, so
    /// that with an hour answers live for 57 to 60 minutes. What was kept together does not end together then, and
    /// the provider is not asked everything again at once.
    ///
    /// # Panics
    ///
    /// With anything but 0 to 1.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        let is_part = (0.0..=1.0).contains(&part);
        assert!(is_part, "jitter is a part of the time to live, from 0 to 1");
        self.settings.jitter = part;
        self
    }

    /// For so long after its end of freshness an answer is still given, at once, and a new one is asked for by this
    /// `Background`. Not at all by default.
    ///
    /// There is one such refresh of a key at a time. It has no part in the call that set it off: its attempts are
    /// its own, with [`Purpose::Refresh`](obs_core::Purpose::Refresh), and who asks for the same meanwhile and wants
    /// nothing stale joins it. It ends after [`refresh_limit`](Self::refresh_limit). When it fails, the stored answer
    /// stays, and the next refresh of this key waits a twentieth of the time to live, 5 s at most. What the
    /// `Background` has no room for is left to the next caller, and counted.
    #[must_use]
    pub fn stale_while_revalidate(mut self, window: Duration, background: Background) -> Self {
        self.settings.stale.while_revalidating = window;
        self.settings.refresh = Some(Refresh::new(background));
        self
    }

    /// How long a refresh may take: 60 s by default. The deadline of the call that set it off does not matter.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn refresh_limit(mut self, limit: Duration) -> Self {
        assert!(!limit.is_zero(), "a refresh takes some time");
        self.settings.refresh_limit = limit;
        self
    }

    /// For so long after its end of freshness an answer is given where the call for a new one fails by a fault of
    /// the provider's or of the network's (also a quota, and a limit of time inside of the cache). Not at all by
    /// default. A stream that has begun is not replaced.
    #[must_use]
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.settings.stale.if_error = window;
        self
    }

    /// For so long after its end of freshness an answer is given to callers who say `max-stale`: the most that they
    /// can ask for. Nothing by default.
    #[must_use]
    pub fn max_stale(mut self, window: Duration) -> Self {
        self.settings.stale.on_request = window;
        self
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
        self.ledger.stats()
    }

    /// For removing answers. Take it from the layer as it is used: it makes keys by the same settings.
    #[must_use]
    pub fn handle(&self) -> CacheHandle<St>
    where
        St: Store,
    {
        CacheHandle::new(self.clone())
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
