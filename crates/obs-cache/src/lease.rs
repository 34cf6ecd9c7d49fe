//! One call for several processes: who has the lease makes it, the others wait for what it keeps.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::Duration,
};

use obs_core::{CacheDirectives, Key, Operation};
use tokio::time::{Instant, sleep};

use crate::{
    Entry, Store, StoreFault, Timestamp, flight::Giver, freshness::Verdict, shared::Shared,
    store::ask, stored::Stored,
};

/// Between two looks for what another process may have kept: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// What a flight has of other processes. Clones are of the same flight.
pub(crate) struct Turn<St: Store>(Arc<Inner<St>>);

struct Inner<St: Store> {
    shared: Arc<Shared<St>>,
    key: Key,
    operation: Operation,
    time: Duration,
    is_leased: OnceLock<()>,
    /// Apart from the rest: it is asked for as long as somebody reads, and the lease ends with the call.
    given: Arc<OnceLock<Stored>>,
}

impl<St: Store> Turn<St> {
    pub(crate) fn new(
        shared: Arc<Shared<St>>,
        key: Key,
        operation: Operation,
        time: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            key,
            operation,
            time,
            is_leased: OnceLock::new(),
            given: Arc::default(),
        }))
    }

    /// What another process has given, if anything.
    pub(crate) fn given(&self) -> Option<&Stored> {
        self.0.given.get()
    }

    /// The same for later, without holding the lease.
    pub(crate) fn giver(&self) -> Giver {
        let given = self.0.given.clone();
        Box::new(move || given.get().cloned())
    }

    /// Waits until it is this process's turn, or another's answer is there. `None`: make the call. It ends within the
    /// time of the lease, whatever happens to others; with a fault of the store, at once.
    pub(crate) async fn wait(&self, asked: CacheDirectives) -> Option<Entry> {
        let Inner {
            shared,
            key,
            operation,
            time,
            is_leased,
            ..
        } = &*self.0;
        let counts = &shared.ledger.leases;
        let end = Instant::now() + *time;
        let [mut pause, longest] = PAUSES;
        let mut has_waited = false;
        loop {
            let granted = ask(|| shared.store.lease(key, *time)).await;
            if let Ok(true) = granted {
                let _ = is_leased.set(());
            }
            // Also with the lease: it may be free because there is an answer by now.
            let found = match granted {
                Ok(_) => self.look(asked).await,
                Err(fault) => Err(fault),
            };
            match (granted, found) {
                (_, Ok(Some(entry))) => {
                    counts.given[*operation].inc();
                    return Some(entry);
                }
                (Ok(false), Ok(None)) if Instant::now() < end => {}
                (_, found) => {
                    if let Err(fault) = found {
                        shared.ledger.faults.count(fault);
                    }
                    if has_waited {
                        counts.called[*operation].inc();
                    }
                    return None;
                }
            }
            has_waited = true;
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            pause = (2 * pause).min(longest);
        }
    }

    /// For a refresh of an answer that was made then: whether it is this process's turn. It is not while another asks, nor
    /// when another has kept a newer one. With a fault of the store it is everybody's.
    pub(crate) async fn take(&self, made: Timestamp) -> bool {
        let Inner {
            shared,
            key,
            time,
            is_leased,
            ..
        } = &*self.0;
        match ask(|| shared.store.lease(key, *time)).await {
            Ok(true) => _ = is_leased.set(()),
            Ok(false) => return false,
            Err(fault) => {
                shared.ledger.faults.count(fault);
                return true;
            }
        }
        // The lease may be free because there is an answer by now.
        let now = shared.settings.clock.now();
        let found = ask(|| shared.store.get_shared(key, now)).await;
        !matches!(found, Ok(Some(entry)) if made < entry.created)
    }

    /// The answer of another process is used.
    pub(crate) fn give(&self, entry: &Entry) {
        let now = self.0.shared.settings.clock.now();
        let _ = self.0.given.set(Stored::new(entry, now));
    }

    /// An answer that the caller would have been given at once.
    async fn look(&self, asked: CacheDirectives) -> Result<Option<Entry>, StoreFault> {
        let Inner { shared, key, .. } = &*self.0;
        let now: Timestamp = shared.settings.clock.now();
        let found = ask(|| shared.store.get(key, now)).await?;
        let fits =
            |entry: &Entry| shared.settings.stale.judge(entry, now, &asked) == Verdict::Fresh;
        Ok(found.filter(fits))
    }
}

/// When the flight is over, however it ended. Where an answer was kept, the store has ended the lease by itself.
impl<St: Store> Drop for Inner<St> {
    fn drop(&mut self) {
        if self.is_leased.get().is_some() {
            let release = || self.shared.store.release(&self.key);
            let _ = catch_unwind(AssertUnwindSafe(release));
        }
    }
}

impl<St: Store> Clone for Turn<St> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<St: Store> fmt::Debug for Turn<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("is_leased", &self.0.is_leased.get().is_some())
            .field("given", &self.0.given)
            .finish_non_exhaustive()
    }
}
