//! What deletes one answer later, without what was asked for it.
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use obs_cache::{BoxStore, CacheHandle, Pending};
use obs_core::{Call, LlmRequest};

/// How many calls can be named by their names.
const RECENT: usize = 4096;

/// Deletes the answer to one call.
pub(in crate::app) type Erase = Arc<dyn Fn(Wish) -> Pending<()> + Send + Sync>;

/// Why it is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Wish {
    /// It need not be known.
    Delete,
    /// The cache gave it, and it was wrong.
    BadHit,
}

/// The last calls, each with what deletes its answer: a hash, and nothing of what was asked.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<(Arc<str>, Erase)>>);

impl Recent {
    pub(super) fn note(&self, call: Arc<str>, erase: Erase) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(RECENT - 1);
        all.push_front((call, erase));
    }

    pub(super) fn find(&self, call: &str) -> Option<Erase> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|(known, _)| **known == *call);
        found.map(|(_, erase)| erase.clone())
    }
}

pub(super) fn erases<R: LlmRequest>(handle: &CacheHandle<BoxStore>, call: &Call<R>) -> Erase {
    let (handle, place) = (handle.clone(), handle.place(call));
    Arc::new(move |wish| match wish {
        Wish::Delete => Box::pin(handle.delete_at(&place)),
        Wish::BadHit => Box::pin(handle.report_bad_hit_at(&place)),
    })
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_are_known_and_no_more() {
        let recent = Recent::default();
        let erase: Erase = Arc::new(|_| Box::pin(std::future::ready(Ok(()))));
        for call in 0..=RECENT {
            recent.note(format!("call-{call}").into(), erase.clone());
        }
        assert!(recent.find("call-0").is_none());
        assert!(recent.find("call-1").is_some());
        assert!(recent.find(&format!("call-{RECENT}")).is_some());
    }
}
