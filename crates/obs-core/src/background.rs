//! The only thing that spawns.
use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

/// Work that outlives the call that began it: writes to a store, refreshes, comparisons of routes.
///
/// Bounded: what does not fit is dropped and counted, never waited for. A clone is another handle to the same work.
#[derive(Clone)]
pub struct Background(Arc<Inner>);

struct Inner {
    limit: u32,
    free: Arc<Semaphore>,
    dropped: AtomicU64,
}

/// The work was not taken: as much is under way as may be, it is draining, or there is no runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackgroundFull(());

impl Background {
    /// At most so many pieces of work at a time.
    ///
    /// # Panics
    /// With zero.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        assert!(limit > 0, "background work needs room for one at least");
        Self(Arc::new(Inner {
            limit,
            free: Arc::new(Semaphore::new(limit as usize)),
            dropped: AtomicU64::new(0),
        }))
    }

    /// Runs this to its end on the current runtime, whoever leaves meanwhile.
    ///
    /// # Errors
    /// When there is no room; the work is dropped then, and counted.
    pub fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), BackgroundFull> {
        let permit = self.0.free.clone().try_acquire_owned();
        let (Ok(permit), Ok(runtime)) = (permit, Handle::try_current()) else {
            self.0.dropped.fetch_add(1, Relaxed);
            return Err(BackgroundFull(()));
        };
        runtime.spawn(async move {
            work.await;
            drop(permit);
        });
        Ok(())
    }

    /// Takes no more work, and waits until all is done, or for this long. `true`: all is done.
    ///
    /// What is not done by then goes on until the runtime ends. Safe to call twice.
    pub async fn drain(&self, limit: Duration) -> bool {
        if self.0.free.is_closed() {
            return self.in_flight() == 0;
        }
        let all = self.0.free.acquire_many(self.0.limit);
        let done = timeout(limit, all).await.is_ok();
        self.0.free.close();
        done
    }

    /// How many pieces of work are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.limit as usize - self.0.free.available_permits()
    }

    /// How many pieces of work were not taken.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("limit", &self.0.limit)
            .field("in_flight", &self.in_flight())
            .field("dropped", &self.dropped())
            .finish()
    }
}

impl fmt::Display for BackgroundFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for more background work")
    }
}

impl StdError for BackgroundFull {}
