//! What becomes of an answer when it is complete.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use obs_core::{Key, Operation, Purpose, Replay};

use crate::{
    Entry, Fallbacks, Store, Timestamp, adaptive::Learning, flight::Landed, settings::Settings,
    shared::Shared,
};

/// Keeps an answer, if it may be kept, for as long as is thought of answers like it.
pub(crate) fn keep<T: Replay, St: Store>(
    shared: &Shared<St>,
    key: &Key,
    operation: Operation,
    learning: Option<&Learning>,
    landed: Landed<'_>,
) {
    let (settings, ledger) = (&shared.settings, &shared.ledger);
    let now = settings.clock.now();
    let Some(mut entry) = entry(settings, landed, now) else {
        return;
    };
    if let Some(learning) = learning {
        let counts = &ledger.renewals;
        match renewed::<T>(learning, key, &entry) {
            Some(true) => counts.changed[operation].inc(),
            Some(false) => counts.same[operation].inc(),
            None => {}
        }
    }
    let ttl = learning.map_or(settings.ttl, Learning::ttl);
    let ttl = settings.jittered(ttl, key, now);
    ledger.lives(operation, ttl);
    entry.fresh_until = now.after(ttl);
    // Past its freshness, for as long as it may be of use.
    entry.keep_until = entry.fresh_until.after(settings.stale.longest());
    shared.store.put(key, entry, now);
}

/// Whether the answer says something else than the one before; `None`: there is none to compare it with.
fn renewed<T: Replay>(learning: &Learning, key: &Key, entry: &Entry) -> Option<bool> {
    let digest = || {
        let mut digest = blake3::Hasher::new();
        let answer = T::decode(&entry.body, false).ok()?;
        answer.visit_meaning(&mut |part| _ = digest.update(part));
        let digest = digest.finalize();
        digest.as_bytes().first_chunk().copied()
    };
    // An answer may be of anybody's code, and is kept all the same.
    let digest = catch_unwind(AssertUnwindSafe(digest)).ok().flatten()?;
    learning.renewed(key, u64::from_le_bytes(digest), entry.created)
}

/// What is kept of an answer, but for how long; `None`: nothing.
fn entry(settings: &Settings, landed: Landed<'_>, now: Timestamp) -> Option<Entry> {
    if !landed.is_complete || landed.body.len() > settings.max_entry_bytes {
        return None;
    }
    let chosen = landed.report.chosen();
    // What another attempt went on with has a seam, and may be of two models.
    let fallback = chosen.is_some_and(|attempt| {
        matches!(attempt.purpose, Purpose::Fallback | Purpose::Continuation)
    });
    if fallback && settings.fallbacks == Fallbacks::Forget {
        return None;
    }
    let mut entry = Entry::new(landed.body.clone(), now, Duration::ZERO);
    entry.paid = landed.report.paid();
    entry.usage = landed.usage;
    entry.fallback = fallback;
    if let Some(attempt) = chosen {
        let model = attempt.answered.as_ref().unwrap_or(&attempt.asked);
        entry.model = Some(model.clone());
        entry.route.clone_from(&attempt.route);
    }
    Some(entry)
}
