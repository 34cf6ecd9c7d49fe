//! What all services of a layer have in common.
use std::{fmt, sync::Arc, time::Duration};

use obs_core::{AttemptListener, Deadline, Limit, LlmRequest, Operation, Usd};
use tokio::time::Instant;

use super::{Refusal, budget::Bucket, entry::Entry, ledger::Ledger, spending::Spending};
use crate::adaptive::{Adaptive, Learned, Learner, Sample};

/// What is learned and counted, and what may be spent.
pub(super) struct Shared {
    pub(super) ledger: Arc<Ledger>,
    streams: Delay,
    plain: Option<Delay>,
    bucket: Bucket,
    spending: Option<Arc<Spending>>,
    /// The same.
    listener: Option<Arc<dyn AttemptListener>>,
}

/// After which time a second attempt is made.
#[derive(Debug)]
struct Delay {
    fixed: Duration,
    learner: Option<Arc<Learner>>,
}

/// A call that may be made twice.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) delay: Duration,
    /// `None`: never, but there is something to learn.
    pub(super) at: Option<Instant>,
    pub(super) sample: Option<Sample>,
}

/// What a layer was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) streams: Duration,
    pub(super) plain: Option<Duration>,
    pub(super) adaptive: Option<Adaptive>,
    pub(super) share: f64,
    pub(super) burst: u32,
    pub(super) dollars: Option<(Usd, Duration)>,
}

impl Shared {
    pub(super) fn new(told: &Told, ledger: Arc<Ledger>) -> Self {
        let delay = |fixed, phase| Delay {
            fixed,
            learner: told
                .adaptive
                .map(|adaptive| Learner::new(adaptive.or(1.0, Duration::ZERO), phase)),
        };
        let spending = told
            .dollars
            .map(|(amount, period)| Arc::new(Spending::new(amount, period)));
        Self {
            ledger,
            streams: delay(told.streams, Limit::FirstToken),
            plain: told.plain.map(|fixed| delay(fixed, Limit::Attempt)),
            bucket: Bucket::new(told.share, told.burst),
            listener: spending.clone().map(|of| of as Arc<dyn AttemptListener>),
            spending,
        }
    }

    /// When a second attempt will be due; `None`: never.
    pub(super) fn due(&self, request: &impl LlmRequest, start: Instant) -> Option<Due> {
        let delay = match request.streams() {
            true => &self.streams,
            false => self.plain.as_ref()?,
        };
        let (time, sample) = match &delay.learner {
            None => (delay.fixed, None),
            Some(learner) => {
                let (operation, model) = (request.operation(), request.model());
                let fixed = Some(delay.fixed);
                let (time, sample) = learner.begin(operation, model, fixed, start);
                (time.unwrap_or(Duration::MAX), Some(sample))
            }
        };
        let at = start.checked_add(time);
        (at.is_some() || sample.is_some()).then_some(Due {
            delay: time,
            at,
            sample,
        })
    }

    /// A call comes that may be made twice.
    pub(super) fn deposit(&self) {
        self.bucket.deposit();
    }

    /// Whoever must hear of attempts.
    pub(super) const fn listener(&self) -> Option<&Arc<dyn AttemptListener>> {
        self.listener.as_ref()
    }

    /// A second attempt is due, after this delay: makes room for it, or says in the ledger why not.
    pub(super) fn admit(
        &self,
        operation: Operation,
        model: &str,
        deadline: &Deadline,
        delay: Duration,
    ) -> Option<Entry> {
        let admitted = || {
            // It may well take as long as the first one has taken by now.
            if deadline.remaining().is_some_and(|left| left <= delay) {
                return Err(Refusal::Deadline);
            }
            let spending = self.spending.as_ref();
            let reserve = |of| Spending::reserve(of, operation, model);
            let reserved = spending.map(reserve).transpose()?;
            let is_left = self.bucket.withdraw();
            is_left.then_some(reserved).ok_or(Refusal::Share)
        };
        match admitted() {
            Ok(reserved) => Some(Entry::start(self.ledger.clone(), operation, reserved)),
            Err(reason) => {
                self.ledger.refused(operation, reason);
                None
            }
        }
    }

    pub(super) fn learned(&self) -> Vec<Learned> {
        let plain = self.plain.as_ref();
        let delays = [Some(&self.streams), plain].into_iter().flatten();
        let of = |delay: &Delay| {
            let fixed = Some(delay.fixed);
            let learner = delay.learner.as_ref();
            learner.map(|learner| learner.learned(|_, _| fixed))
        };
        delays.filter_map(of).flatten().collect()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("streams", &self.streams)
            .field("plain", &self.plain)
            .field("bucket", &self.bucket)
            .field("spending", &self.spending)
            .finish_non_exhaustive()
    }
}
