//! Hears of attempts that no caller pays for.
use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::{Attempt, AttemptListener};
use tokio::time::Instant;

use crate::{asked::Asked, layer::Shared};

/// For how long attempts that nobody has taken over may still be: a caller takes them over in the moment in which the work ends.
const SETTLES: Duration = Duration::from_secs(5);

/// Hears of the attempts that one call, and work that it set off, leads to. It is dropped when nothing can come any more.
pub(crate) struct Told {
    pub(crate) asked: Asked,
    heard: Mutex<Vec<Attempt>>,
    shared: Arc<Shared>,
}

/// Attempts whose call has ended, and which it did not pay for.
#[derive(Debug, Default)]
pub(crate) struct Loose {
    any: AtomicBool,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    waiting: VecDeque<Work>,
    /// Numbers of attempts that a call has taken over from another.
    taken: HashSet<u64>,
}

/// Work that one call set off.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) since: Instant,
    pub(crate) asked: Asked,
    pub(crate) attempts: Vec<Attempt>,
}

impl Told {
    pub(crate) fn new(asked: Asked, shared: Arc<Shared>) -> Self {
        Self {
            asked,
            heard: Mutex::default(),
            shared,
        }
    }

    /// The call has these, and pays for them.
    pub(crate) fn take(&self, attempts: &[Attempt]) {
        let mut heard = lock(&self.heard);
        let mut others = Vec::new();
        for attempt in attempts.iter().filter(|a| a.outcome.is_some()) {
            match heard.iter().position(|h| h.number == attempt.number) {
                Some(at) => drop(heard.swap_remove(at)),
                None => others.push(attempt.number),
            }
        }
        drop(heard);
        if !others.is_empty() {
            lock(&self.shared.loose.parts).taken.extend(others);
        }
    }
}

impl AttemptListener for Told {
    fn ended(&self, attempt: &Attempt) {
        lock(&self.heard).push(attempt.clone());
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let heard = mem::take(&mut *lock(&self.heard));
        if heard.is_empty() {
            return;
        }
        let asked = Asked {
            began: self.asked.began,
            entry: mem::take(&mut self.asked.entry),
        };
        let work = Work {
            since: Instant::now(),
            asked,
            attempts: heard,
        };
        let loose = &self.shared.loose;
        lock(&loose.parts).waiting.push_back(work);
        loose.any.store(true, Relaxed);
    }
}

impl Loose {
    /// Work that nobody has taken over. `all`: also what ended a moment ago.
    pub(crate) fn settled(&self, all: bool) -> Vec<Work> {
        if !self.any.load(Relaxed) {
            return Vec::new();
        }
        let mut settled = Vec::new();
        let mut parts = lock(&self.parts);
        let parts = &mut *parts;
        while let Some(first) = parts.waiting.front() {
            if !all && first.since.elapsed() < SETTLES {
                break;
            }
            let Some(mut work) = parts.waiting.pop_front() else {
                break;
            };
            work.attempts.retain(|a| !parts.taken.remove(&a.number));
            if !work.attempts.is_empty() {
                settled.push(work);
            }
        }
        self.any.store(!parts.waiting.is_empty(), Relaxed);
        settled
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
