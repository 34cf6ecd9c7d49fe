//! Leaves a failing route out, and asks it again now and then.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use obs_core::{Elapsed, Error, ErrorKind, Limit};
use obs_metrics::Count;
use tokio::time::Instant;

/// A share of the call's time must have been so long for a cut to be the route's fault: a caller may be in a great hurry.
const FAIR: Duration = Duration::from_secs(5);

/// Longest rest that a `Retry-After` gives a route.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Rests are no longer than a year, which every clock can show.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// When a route is left out because it keeps failing.
///
/// After so many failures in a row its breaker is *open*: calls go to other routes for a while. Then it is *half open*: one
/// call is let through. If that is answered the breaker is *closed* again; if not, it is open for twice as long, up to a
/// longest time. A route that asks for a rest (429 with `Retry-After`) is left out for that long, a minute at most.
///
/// Failures are those that say something of the route: no connection, 5xx, overload, a refused credential of the operator's,
/// an answer that breaks off, a model that is silent or falls silent, and an error of which nobody knows what it is. A caller's own
/// error, or a caller in a hurry, is none.
///
/// While every route that a call may take is left out, the one that was chosen is asked all the same: an answer is possible
/// there, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    rest: Duration,
    longest: Duration,
    slow: Option<Duration>,
}

/// How a route is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It gets calls.
    Closed,
    /// It is left out.
    Open,
    /// One call may try it.
    HalfOpen,
}

/// The breaker of one route.
#[derive(Debug)]
pub(crate) struct RouteBreaker {
    route: Arc<str>,
    settings: Option<Breaker>,
    phase: Mutex<Phase>,
    pub(crate) opened: Count,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant, rest: Duration },
    HalfOpen { since: Instant, rest: Duration },
}

impl Breaker {
    /// Open after so many failures in a row, for 5 s, and for 20 s at the longest.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub const fn new(failures: u32) -> Self {
        assert!(failures > 0, "a breaker opens after one failure or more");
        Self {
            failures,
            rest: Duration::from_secs(5),
            longest: Duration::from_secs(20),
            slow: None,
        }
    }

    /// How long a route is left out at first, and at the longest. More than a year is a year.
    ///
    /// # Panics
    ///
    /// If the first one is zero, or longer than the longest.
    #[must_use]
    pub const fn rests(mut self, first: Duration, longest: Duration) -> Self {
        assert!(
            !first.is_zero() && first.as_nanos() <= longest.as_nanos(),
            "rests grow from the first to the longest, and the first is not zero"
        );
        self.rest = first;
        self.longest = longest;
        self
    }

    /// An answer whose first token takes longer than this is a failure too. Unset: slow is no failure.
    #[must_use]
    pub const fn slow(mut self, limit: Duration) -> Self {
        self.slow = Some(limit);
        self
    }
}

/// Five failures in a row.
impl Default for Breaker {
    fn default() -> Self {
        Self::new(5)
    }
}

impl BreakerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// A fixed lower-case name, the label `state` of the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl RouteBreaker {
    pub(crate) fn new(route: Arc<str>, settings: Option<Breaker>) -> Self {
        let settings = settings.map(|of| Breaker {
            rest: of.rest.min(YEAR),
            longest: of.longest.min(YEAR),
            ..of
        });
        Self {
            route,
            settings,
            phase: Mutex::new(Phase::Closed { failures: 0 }),
            opened: Count::new(),
        }
    }

    /// Whether there is one.
    pub(crate) const fn is_set(&self) -> bool {
        self.settings.is_some()
    }

    /// Whether a call may take the route now. A half-open one is held for the call that asks: ask for what will be taken.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        if self.settings.is_none() {
            return true;
        }
        let mut phase = self.lock();
        match *phase {
            Phase::Closed { .. } => true,
            Phase::Open { until, rest } if until <= now => {
                *phase = Phase::HalfOpen { since: now, rest };
                true
            }
            // The call that tried it never came back with an answer.
            Phase::HalfOpen { since, rest } if since + rest <= now => {
                *phase = Phase::HalfOpen { since: now, rest };
                true
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => false,
        }
    }

    pub(crate) fn answered(&self, took: Duration) {
        if self.is_slow(took) {
            return self.fail(Instant::now());
        }
        if self.settings.is_some() {
            self.close();
        }
    }

    /// An answer has begun after `took`: the route is there again, unless that was slow. What becomes of the answer is told later.
    pub(crate) fn committed(&self, took: Duration) {
        let is_half_open = || matches!(*self.lock(), Phase::HalfOpen { .. });
        if self.settings.is_some() && !self.is_slow(took) && is_half_open() {
            self.close();
        }
    }

    pub(crate) fn failed(&self, kind: ErrorKind) {
        if self.settings.is_none() {
            return;
        }
        use ErrorKind::*;
        match kind {
            Connect | Overloaded | Upstream | CutOff | Credentials | Unknown => {
                self.fail(Instant::now());
            }
            // It is there, and said no.
            Caller | Auth | ContextTooLong | ContentFilter => self.close(),
            _ => {}
        }
    }

    /// An attempt came to no answer in time, after `took`, or fell silent in the middle of it.
    pub(crate) fn timed_out(&self, error: &Error, took: Duration) {
        if self.settings.is_none() {
            return;
        }
        let its_fault = match error.find::<Elapsed>().map(Elapsed::limit) {
            Some(Limit::Deadline | Limit::Total) => false,
            Some(Limit::Attempt) => took >= FAIR,
            _ => true,
        };
        if its_fault {
            self.fail(Instant::now());
        }
    }

    /// It asks to be left alone for so long.
    pub(crate) fn rest(&self, time: Duration) {
        let Some(settings) = &self.settings else {
            return;
        };
        let time = time.min(LONGEST_REST);
        let mut phase = self.lock();
        let until = Instant::now() + time;
        let longer = match *phase {
            Phase::Open { until: before, .. } => before < until,
            _ => true,
        };
        if longer {
            *phase = Phase::Open {
                until,
                rest: settings.rest,
            };
            drop(phase);
            self.opened.inc();
            tracing::warn!(route = &*self.route, ?time, "the route asks for a rest");
        }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match *self.lock() {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until, .. } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn is_slow(&self, took: Duration) -> bool {
        let slow = self.settings.as_ref().and_then(|of| of.slow);
        slow.is_some_and(|slow| took > slow)
    }

    fn close(&self) {
        let mut phase = self.lock();
        match *phase {
            Phase::Closed { .. } => *phase = Phase::Closed { failures: 0 },
            Phase::HalfOpen { .. } => {
                *phase = Phase::Closed { failures: 0 };
                drop(phase);
                tracing::info!(route = &*self.route, "the route answers again");
            }
            // Of an attempt that was made before it opened.
            Phase::Open { .. } => {}
        }
    }

    fn fail(&self, now: Instant) {
        let Some(settings) = &self.settings else {
            return;
        };
        let mut phase = self.lock();
        let rest = match *phase {
            Phase::Closed { failures } if failures + 1 < settings.failures => {
                *phase = Phase::Closed {
                    failures: failures + 1,
                };
                return;
            }
            Phase::Closed { .. } => settings.rest,
            Phase::HalfOpen { rest, .. } => settings.longest.min(rest * 2),
            Phase::Open { .. } => return,
        };
        let until = now + rest;
        let was_closed = matches!(*phase, Phase::Closed { .. });
        *phase = Phase::Open { until, rest };
        drop(phase);
        self.opened.inc();
        if was_closed {
            tracing::warn!(
                route = &*self.route,
                ?rest,
                "the route keeps failing: left out for a while"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
