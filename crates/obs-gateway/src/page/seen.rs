//! What is remembered of calls that have ended. Of prompts and answers there is nothing.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use obs_core::Usd;
use serde::Serialize;
use tokio::time::Instant;

use super::history::{Columns, History, Latency};

/// How many calls are shown one by one.
const RECENT: usize = 50;

/// One call that has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Ended {
    pub(crate) call: Arc<str>,
    pub(crate) operation: &'static str,
    /// The model that was asked for. Callers choose it: it is no longer than a name.
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) cache: Option<&'static str>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) decisions: Vec<Step>,
    pub(crate) attempts: usize,
    pub(crate) status: u16,
    pub(crate) error: Option<&'static str>,
    pub(crate) late: bool,
    pub(crate) cost_usd: Option<Usd>,
    pub(crate) saved_usd: Option<Usd>,
    pub(crate) seconds: f64,
}

/// One decision of the router.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) route: Arc<str>,
    pub(crate) reason: &'static str,
    pub(crate) score: Option<f32>,
}

/// What is remembered.
#[derive(Debug)]
pub(super) struct Seen(Mutex<Memories>);

#[derive(Debug)]
struct Memories {
    history: History,
    recent: VecDeque<(Instant, Ended)>,
}

/// What is remembered, as of now.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) history: Columns,
    pub(super) last_minute: Option<Latency>,
    /// The last one first, with the seconds that have passed since.
    pub(super) recent: Vec<(f64, &'a Ended)>,
}

impl Ended {
    /// Whether the cache answered; `None`: it was not asked, or nobody knows any more.
    pub(super) fn hit(&self) -> Option<bool> {
        match self.cache? {
            "hit" | "stale" | "coalesced" => Some(true),
            "miss" => Some(false),
            _ => None,
        }
    }
}

impl Seen {
    pub(super) fn new(start: Instant) -> Self {
        Self(Mutex::new(Memories {
            history: History::new(start),
            recent: VecDeque::with_capacity(RECENT),
        }))
    }

    pub(super) fn note(&self, now: Instant, call: Ended) {
        let mut of = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        of.history.add(now, &call);
        of.recent.truncate(RECENT - 1);
        of.recent.push_front((now, call));
    }

    pub(super) fn with<T>(&self, now: Instant, look: impl FnOnce(Look<'_>) -> T) -> T {
        let of = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ago = |at: &Instant| now.saturating_duration_since(*at).as_secs_f64();
        look(Look {
            history: of.history.columns(now),
            last_minute: of.history.last_minute(now),
            recent: of.recent.iter().map(|(at, call)| (ago(at), call)).collect(),
        })
    }
}
