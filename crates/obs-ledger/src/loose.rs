//! Work that no caller pays for.
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::Attempt;
use tokio::time::Instant;

use crate::asked::Asked;

/// For how long attempts that nobody has taken over may still be: a caller takes them over in the moment in which the work ends.
const SETTLES: Duration = Duration::from_secs(5);

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

impl Loose {
    /// Nobody has paid for this yet.
    pub(crate) fn put(&self, work: Work) {
        lock(&self.parts).waiting.push_back(work);
        self.any.store(true, Relaxed);
    }

    /// A call pays for the attempts of these numbers, which another one or its work had begun.
    pub(crate) fn taken(&self, numbers: Vec<u64>) {
        if !numbers.is_empty() {
            lock(&self.parts).taken.extend(numbers);
        }
    }

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

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
