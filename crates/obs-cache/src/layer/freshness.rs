//! Settings of freshness.
use std::{sync::Arc, time::Duration};

use obs_core::Background;

use crate::{AdaptiveTtl, CacheLayer, adaptive::Learner, early::Early, negative::Refusals};

impl<St> CacheLayer<St> {
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
        self.settings.refresh = Some(background);
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

    /// Learns for how long the answers of each class are good, in the place of one [`ttl`](Self::ttl) for all, which
    /// remains the one that a class begins with. Not by default. What was learned is in
    /// [`Stats::ttls`](crate::Stats::ttls); all clones of this layer learn together.
    #[must_use]
    pub fn adaptive_ttl(mut self, settings: AdaptiveTtl) -> Self {
        self.settings.learner = Some(Arc::new(Learner::new(settings)));
        self
    }

    /// Renews answers that are in use before their time is over, by this `Background`. Not by default.
    ///
    /// Each hit draws, and is the more likely to set off a refresh the less time is left and the longer calls of
    /// its operation take (their mean is learned): the way of Vattani and others, "Optimal Probabilistic Cache Stampede
    /// Prevention" (2015). `beta` is 1 for the best choice where a miss costs as much as a refresh, and larger
    /// to be earlier. What is asked for once an hour is not renewed; what is asked for all the time is never missed. The hit itself is a
    /// hit as any other. For refreshes the same holds as with [`stale_while_revalidate`](Self::stale_while_revalidate),
    /// and if both are set, the `Background` given last does both.
    ///
    /// # Panics
    ///
    /// With a `beta` that is not above zero, and finite.
    #[must_use]
    pub fn early_refresh(mut self, beta: f64, background: Background) -> Self {
        let is_factor = beta > 0.0 && beta.is_finite();
        assert!(is_factor, "beta is a factor above zero; 1 is the usual one");
        self.settings.early = Some(Early::new(beta));
        self.settings.refresh = Some(background);
        self
    }

    /// For so long a refusal that will repeat is given again in place of a call: that the prompt is too long for the
    /// model, that a filter refused it, or that the request is wrong, such as one for a model that there is not. Not at all by
    /// default.
    ///
    /// In memory, 4096 refusals at most, to the same tenant alone. Who says `no-cache` is not given any, and an answer that is
    /// kept goes before. Half a minute spares a provider the retries of a broken client, and is soon over when a
    /// model has been added.
    ///
    /// # Panics
    ///
    /// With zero: leave it out instead.
    #[must_use]
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        let lasts = !ttl.is_zero();
        assert!(
            lasts,
            "a refusal that is kept for no time is not kept: leave negative_ttl out"
        );
        self.settings.refusals = Some(Refusals::new(ttl));
        self
    }
}
