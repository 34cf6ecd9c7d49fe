//! What is told of a stored answer.
use std::{sync::Arc, time::Duration};

use obs_core::{CacheNote, CacheStatus, Usd};

use crate::{Entry, Timestamp};

/// What a journal has of a stored answer that is given.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) age: Duration,
    route: Option<Arc<str>>,
    pub(crate) saved: Option<Usd>,
}

impl Stored {
    pub(crate) fn new(entry: &Entry, now: Timestamp) -> Self {
        Self {
            age: now.since(entry.created),
            route: entry.route.clone(),
            saved: entry.paid.exact(),
        }
    }

    pub(crate) fn note(self, status: CacheStatus) -> CacheNote {
        let mut note = CacheNote::new(status);
        note.age = Some(self.age);
        note.route = self.route;
        note.saved = self.saved;
        note
    }
}
