//! Writes that nobody waits for.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use obs_core::Background;
use obs_metrics::Count;
use obs_redis::Redis;

use crate::{StoreError, ledger::Faults};

/// Nobody waits for writes, so they may take so many times as long as a look-up.
const PATIENCE: u32 = 10;

/// Most bytes of answers that wait to be written.
const ROOM: usize = 64 << 20;

/// What is on its way to Redis, bounded in number by a [`Background`] and in bytes.
pub(super) struct Writes {
    pub(super) redis: Redis,
    background: Background,
    waiting: Arc<AtomicUsize>,
    pub(super) written: Count,
    pub(super) dropped: Count,
    pub(super) faults: Faults,
}

/// Bytes that wait.
struct Load {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Writes {
    pub(super) fn new(redis: &Redis, background: Background) -> Self {
        Self {
            redis: redis.within(redis.budget().saturating_mul(PATIENCE)),
            background,
            waiting: Arc::default(),
            written: Count::default(),
            dropped: Count::default(),
            faults: Faults::default(),
        }
    }

    /// Bytes of answers that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Runs a write of so many bytes when there is room, and counts how it ends; `false`: there is none.
    pub(super) fn run<F>(self: &Arc<Self>, bytes: usize, write: F) -> bool
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let this = self.clone();
        let load = Load::new(bytes, &self.waiting);
        let work = async move {
            // Here, so that it is given back also when the work is dropped.
            let _load = load;
            match write.await {
                Ok(()) => this.written.inc(),
                Err(error) => this.faults.count(error.fault()),
            }
        };
        let is_taken = self.waiting() <= ROOM && self.background.spawn(work).is_ok();
        if !is_taken {
            self.dropped.inc();
        }
        is_taken
    }

    /// Runs what is no write, when there is room.
    pub(super) fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Without room there is none: it comes again.
        let _ = self.background.spawn(work);
    }
}

impl Load {
    fn new(bytes: usize, waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(bytes, Relaxed);
        Self {
            bytes,
            waiting: waiting.clone(),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Relaxed);
    }
}
