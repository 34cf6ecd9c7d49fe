//! Hears of the attempts of a call.
use std::{
    mem,
    sync::{Arc, Mutex},
};

use obs_core::{Attempt, AttemptListener};
use tokio::time::Instant;

use crate::{
    asked::Asked,
    loose::{Work, lock},
    shared::Shared,
};

/// Hears of the attempts that one call, and work that it set off, leads to. It is dropped when nothing can come any more.
pub(crate) struct Told {
    pub(crate) asked: Asked,
    heard: Mutex<Vec<Attempt>>,
    shared: Arc<Shared>,
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
        self.shared.loose.taken(others);
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
        self.shared.loose.put(Work {
            since: Instant::now(),
            asked,
            attempts: heard,
        });
    }
}
