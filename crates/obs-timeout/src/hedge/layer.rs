//! Configuration.
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use obs_core::{Operation, Usd};
use obs_metrics::Metrics;
use tower_layer::Layer;

use super::{
    Hedge, HedgeStats,
    ledger::Ledger,
    shared::{Shared, Told},
};
use crate::{Adaptive, Learned};

/// Asks a second time when the first answer is slow to begin, and gives out the one that begins first.
///
/// Put it inside of the router and around [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer), so that the two attempts take
/// the same route and each has limits of its own. Requests are asked twice: they must be safe to repeat, as questions are.
///
/// | | |
/// |---|---|
/// | when | the first content of a stream has not come after the time given to [`new`](Self::new), or a percentile of what that takes ([`adaptive`](Self::adaptive)); of plain answers, which are hedged only if [`plain`](Self::plain) says so, the whole |
/// | how often | at most for a [`share`](Self::share) of calls (5 %, with a [`burst`](Self::burst) of 10), within a budget in [`dollars`](Self::dollars) if there is one, and never when the deadline leaves less time than the first attempt has had |
/// | which wins | the first one whose first content is there; it is given out from its beginning |
/// | the other | is dropped at once: its connection is closed, its permits are free, its attempt is recorded as cancelled |
/// | who pays | the call, both: the second attempt is in the journal with [`Purpose::Hedge`](obs_core::Purpose::Hedge) |
///
/// Calls that nobody waits for ([`Purpose::Refresh`](obs_core::Purpose::Refresh),
/// [`Purpose::Shadow`](obs_core::Purpose::Shadow)) are passed on as they are.
///
/// A failure before the second attempt has begun is given out as it is: retries are a router's. After that, an error that
/// another attempt may mend waits for the other one; a failure of the second attempt fails no call, and the error of the
/// first one is the one that is told.
///
/// The service is always ready, and asks for the readiness of what is inside when it calls it, so that limiters belong inside.
/// Waiting there is on the clock: the deadline of the call is enforced. Dropping the future drops both attempts.
///
/// All services of one layer and its clones learn, spend and count together; a setter makes a layer that does so for itself.
/// Metrics are shown from the first [`layer`](Layer::layer) on, each with the label `operation`:
///
/// | metric | counts second attempts |
/// |---|---|
/// | `hedge_started_total` | that were made |
/// | `hedge_won_total` | whose answer was given out |
/// | `hedge_lost_total` | whose call was answered by the first attempt |
/// | `hedge_failed_total` | whose call ended without an answer |
/// | `hedge_cancelled_total` | whose caller left while both were under way |
/// | `hedge_refused_total` | that were due and not made, with the label `reason`: `share`, `dollars`, `unpriced`, `deadline` |
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    told: Told,
    /// `None`: those of the process, asked for when the first service is made.
    metrics: Option<Metrics>,
    shared: Arc<OnceLock<Arc<Shared>>>,
}

impl HedgeLayer {
    /// Asks again when the first content of a stream has not come after so long. `Duration::MAX`: not until it is learned.
    ///
    /// # Panics
    ///
    /// If it is zero: every call would be made twice.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        Self {
            told: Told {
                streams: above_zero(after),
                plain: None,
                adaptive: None,
                share: 0.05,
                burst: 10,
                dollars: None,
            },
            metrics: None,
            shared: Arc::default(),
        }
    }

    /// Asks again for plain answers too, when the whole has not come after so long.
    ///
    /// # Panics
    ///
    /// If it is zero: every call would be made twice.
    #[must_use]
    pub fn plain(self, after: Duration) -> Self {
        let plain = Some(above_zero(after));
        self.tell(|told| Told { plain, ..told })
    }

    /// Learns the time from how long models take. The fixed time holds until enough is known, and is the ceiling if there is
    /// no other. Streams and plain answers are learned apart, and from first attempts alone.
    #[must_use]
    pub fn adaptive(self, adaptive: Adaptive) -> Self {
        let adaptive = Some(adaptive);
        self.tell(|told| Told { adaptive, ..told })
    }

    /// Hedges at most this share of the calls that could be hedged, 0.05 unless told.
    ///
    /// # Panics
    ///
    /// Unless it is from 0 to 1.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "no share of calls: expected a number from 0 to 1"
        );
        self.tell(|told| Told { share, ..told })
    }

    /// Lets so many second attempts be made at once over the share, 10 unless told: those that a share of earlier calls left
    /// unused. It begins with all of them. Zero: none is ever made.
    #[must_use]
    pub fn burst(self, most: u32) -> Self {
        self.tell(|told| Told {
            burst: most,
            ..told
        })
    }

    /// Spends at most this amount on second attempts in each such time, and at most as much again at once after a pause.
    ///
    /// What they cost is heard from the journal. Of one that was cancelled, of which nobody knows what it cost, as much counts
    /// as answers of that model cost lately; so much is also set aside for each that is under way, or waits to begin. Until an answer of a model
    /// had a known cost, and always without prices, there is no second attempt: unknown is not nothing.
    ///
    /// # Panics
    ///
    /// If the time is zero.
    #[must_use]
    pub fn dollars(self, amount: Usd, each: Duration) -> Self {
        let dollars = Some((amount, above_zero(each)));
        self.tell(|told| Told { dollars, ..told })
    }

    /// Shows what it counts through these metrics, and not through [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.shared = Arc::default();
        self
    }

    /// What became of second attempts, under all services of this layer.
    #[must_use]
    pub fn stats(&self) -> HedgeStats {
        let shared = self.shared.get();
        shared.map(|of| of.ledger.stats()).unwrap_or_default()
    }

    /// What became of second attempts of this operation.
    #[must_use]
    pub fn stats_of(&self, operation: Operation) -> HedgeStats {
        let shared = self.shared.get();
        let of = shared.map(|of| of.ledger.stats_of(operation));
        of.unwrap_or_default()
    }

    /// What was learned so far, and the times in force.
    #[must_use]
    pub fn learned(&self) -> Vec<Learned> {
        let shared = self.shared.get();
        shared.map(|of| of.learned()).unwrap_or_default()
    }

    fn tell(mut self, tell: impl FnOnce(Told) -> Told) -> Self {
        self.told = tell(self.told);
        self.shared = Arc::default();
        self
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let metrics = || self.metrics.clone().unwrap_or_else(Metrics::global);
        let shared = self.shared.get_or_init(|| {
            let ledger = Ledger::new(&metrics());
            Arc::new(Shared::new(&self.told, ledger))
        });
        Hedge::new(inner, shared.clone())
    }
}

fn above_zero(time: Duration) -> Duration {
    assert!(
        !time.is_zero(),
        "a time of zero would hedge every call: expected a duration above zero"
    );
    time
}
