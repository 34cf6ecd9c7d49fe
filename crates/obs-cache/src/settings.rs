//! What the operator sets.
use std::{sync::Arc, time::Duration};

use obs_core::{Background, Call, FingerprintSecret, Key, LlmRequest};

use crate::{
    Clock, Scope, Stats, Timestamp,
    adaptive::{Learner, Learning},
    early::Early,
    freshness::{Windows, jittered},
    key::{self, Derived, Tenants},
    ledger::Ledger,
    negative::Refusals,
};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    /// The largest part by which the time to live of one answer is shorter.
    pub(crate) jitter: f64,
    pub(crate) learner: Option<Arc<Learner>>,
    pub(crate) refusals: Option<Refusals>,
    pub(crate) early: Option<Early>,
    pub(crate) stale: Windows,
    /// By what answers are asked for again.
    pub(crate) refresh: Option<Background>,
    pub(crate) refresh_limit: Duration,
    pub(crate) lease: Option<Duration>,
    pub(crate) max_entry_bytes: usize,
    pub(crate) secret: Option<FingerprintSecret>,
    pub(crate) tenants: Tenants,
    pub(crate) fallbacks: Fallbacks,
    pub(crate) clock: Clock,
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
    /// Whose purges concern answers to calls of these.
    pub(crate) fn scope<'a>(
        &self,
        namespace: Option<&'a str>,
        tenant: Option<&'a str>,
    ) -> Scope<'a> {
        let tenant = match self.tenants {
            Tenants::Apart => tenant,
            // Whose an answer is, is not known.
            Tenants::Together => None,
        };
        Scope { namespace, tenant }
    }

    pub(crate) fn key_of<R: LlmRequest>(&self, call: &Call<R>, derived: Derived) -> Key {
        key::end(
            key::begin(call, self.tenants, self.secret.as_ref()),
            derived,
        )
    }

    /// The time to live of the answer to this key, shorter by its part of the jitter.
    pub(crate) fn jittered(&self, ttl: Duration, key: &Key, created: Timestamp) -> Duration {
        jittered(ttl, self.jitter, key, created)
    }

    /// What the services of a layer with these settings have counted, and learned.
    pub(crate) fn stats(&self, ledger: &Ledger) -> Stats {
        let mut stats = ledger.stats();
        if let Some(learner) = &self.learner {
            stats.ttls = learner.explain();
        }
        stats
    }

    /// What this call learns from, where times to live are learned.
    pub(crate) fn learning<R: LlmRequest>(&self, call: &Call<R>) -> Option<Learning> {
        let learner = self.learner.as_ref()?;
        Some(learner.learning(&call.request, &call.context, self.ttl))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            jitter: 0.05,
            learner: None,
            refusals: None,
            early: None,
            stale: Windows::default(),
            refresh: None,
            refresh_limit: Duration::from_secs(60),
            lease: None,
            max_entry_bytes: 1 << 20,
            secret: None,
            tenants: Tenants::default(),
            fallbacks: Fallbacks::default(),
            clock: Clock::system(),
        }
    }
}
