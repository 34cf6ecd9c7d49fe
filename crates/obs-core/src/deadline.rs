//! Until when an answer is wanted.
mod wire;

pub use self::wire::InvalidTimeout;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

/// When a call is late, and when it is over.
///
/// A call that several callers share is over when the last of them has no more time, and one of them may join
/// while it runs. So the moments are **asked for, not kept**: a moment may move away, never closer, and whoever
/// armed a timer asks again when it fires ([`Alarm`](crate::Alarm)).
#[derive(Clone, Debug, Default)]
pub struct Deadline {
    /// The ceilings that the layers outside of here have set. They do not move.
    own: Bounds,
    /// In a shared call: how long its callers want it.
    callers: Option<Arc<Mutex<Callers>>>,
}

/// Where there is an end, `late` is there and not after it: whoever sets the one sets the other, and the least and
/// the greatest of such pairs are such pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    late: Option<Instant>,
    end: Option<Instant>,
}

#[derive(Debug, Default)]
struct Callers {
    /// The latest moments among callers whose deadline stands still.
    fixed: Option<Bounds>,
    /// Callers that are a shared call themselves (a cache inside of a cache).
    moving: Vec<Deadline>,
}

impl Deadline {
    /// Over at `end`, and late then.
    #[must_use]
    pub fn at(end: Instant) -> Self {
        let bounds = Bounds {
            late: Some(end),
            end: Some(end),
        };
        Self {
            own: bounds,
            callers: None,
        }
    }

    /// Late after `limit`, over after `grace` more.
    #[must_use]
    pub fn after(limit: Duration, grace: Duration) -> Self {
        Self::default().within(limit, grace)
    }

    /// This deadline, and at most so long from now.
    #[must_use]
    pub fn within(mut self, limit: Duration, grace: Duration) -> Self {
        self.narrow(Instant::now(), limit, grace);
        self
    }

    /// Makes it at most so long from `start`: as [`within`](Self::within), for who has looked at the clock already.
    #[inline]
    pub fn narrow(&mut self, start: Instant, limit: Duration, grace: Duration) {
        // A sum that no clock can show is no limit.
        let late = start.checked_add(limit);
        let end = match grace.is_zero() {
            true => late,
            false => late.and_then(|late| late.checked_add(grace)),
        };
        self.own = self.own.earlier(Bounds { late, end });
    }

    /// For a call that others may join: as this one, until [`extend`](Self::extend)ed.
    #[must_use]
    pub fn extendable(&self) -> Self {
        if self.callers.is_none() && self.own.late.is_none() && self.own.end.is_none() {
            return Self::default(); // nothing is later than never
        }
        let mut callers = Callers::default();
        callers.admit(self);
        Self {
            own: Bounds::default(),
            callers: Some(Arc::new(Mutex::new(callers))),
        }
    }

    /// This deadline, if its moments may move away, to be asked again; `None`: what it says now it will say for ever.
    #[inline]
    #[must_use]
    pub fn moving(&self) -> Option<Box<Self>> {
        self.callers.as_ref().map(|_| Box::new(self.clone()))
    }

    /// One more caller: the shared call goes on for as long as it wants. Ceilings inside stay where they are.
    pub fn extend(&self, caller: &Self) {
        if let Some(callers) = &self.callers {
            lock(callers).admit(caller);
        }
    }

    /// When the call is dropped; `None`: never.
    #[inline]
    #[must_use]
    pub fn end(&self) -> Option<Instant> {
        match &self.callers {
            None => self.own.end, // most calls are shared with nobody
            Some(_) => self.bounds().end,
        }
    }

    /// When the call is late, which is not after its end; `None`: never.
    #[inline]
    #[must_use]
    pub fn late(&self) -> Option<Instant> {
        match &self.callers {
            None => self.own.late,
            Some(_) => self.bounds().late,
        }
    }

    /// Whether the call is late by now.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.late().is_some_and(|at| at <= Instant::now())
    }

    /// Whether the call has no time left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.end().is_some_and(|at| at <= Instant::now())
    }

    /// How much time is left, zero when it is over; `None`: nothing bounds the call.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.end()
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Completes when the call is late; never, when nothing bounds it.
    pub async fn lateness(self) {
        loop {
            match self.late() {
                Some(at) if at <= Instant::now() => return,
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    fn bounds(&self) -> Bounds {
        match &self.callers {
            None => self.own,
            Some(callers) => self.own.earlier(lock(callers).bounds()),
        }
    }
}

impl Callers {
    fn admit(&mut self, caller: &Deadline) {
        if caller.callers.is_some() {
            self.moving.push(caller.clone());
        } else {
            let bounds = caller.bounds();
            self.fixed = Some(self.fixed.map_or(bounds, |fixed| fixed.later(bounds)));
        }
    }

    fn bounds(&self) -> Bounds {
        let moving = self.moving.iter().map(Deadline::bounds);
        let all = self.fixed.into_iter().chain(moving);
        all.reduce(Bounds::later).unwrap_or_default()
    }
}

impl Bounds {
    #[inline]
    fn earlier(self, other: Self) -> Self {
        let earlier = |a: Option<Instant>, b: Option<Instant>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            late: earlier(self.late, other.late),
            end: earlier(self.end, other.end),
        }
    }

    fn later(self, other: Self) -> Self {
        let later = |a: Option<Instant>, b: Option<Instant>| Some(a?.max(b?));
        Self {
            late: later(self.late, other.late),
            end: later(self.end, other.end),
        }
    }
}
