//! Tells other processes what was spent, and hears from them.
use std::{
    mem,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use obs_core::Background;
use obs_metrics::Count;
use tokio::time;

use crate::{Budget, Sums, spending::Due};

/// Additions that are under way at a time.
const AT_A_TIME: usize = 32;

/// What has sums in the common store.
pub(crate) trait Exchanged: Send + Sync {
    /// What is due of its budgets, each with its key.
    fn due(&self) -> Vec<(Budget, Bytes, Due)>;

    /// What came of it: the sum of all processes.
    fn told(&self, of: Budget, due: Due, sum: i64);
}

/// Exchanges with a common store: one piece of background work at a time, whatever the number of names.
#[derive(Clone)]
pub(crate) struct Exchange(Arc<Inner>);

struct Inner {
    sums: Box<dyn Sums>,
    background: Background,
    every: Duration,
    /// What a process has of a limit while it is alone, in millionths.
    share: u32,
    queue: Mutex<Queue>,
    is_lost: AtomicBool,
    errors: Count,
}

#[derive(Default)]
struct Queue {
    accounts: Vec<Arc<dyn Exchanged>>,
    is_worked_on: bool,
}

impl Exchange {
    pub(crate) fn new(
        sums: Box<dyn Sums>,
        background: Background,
        every: Duration,
        share: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            sums,
            background,
            every,
            share,
            queue: Mutex::default(),
            is_lost: AtomicBool::new(false),
            errors: Count::new(),
        }))
    }

    pub(crate) fn every(&self) -> Duration {
        self.0.every
    }

    pub(crate) fn errors(&self) -> u64 {
        self.0.errors.get()
    }

    /// `Some`: the store did not answer the last time, and this process has so many millionths of each limit.
    pub(crate) fn alone(&self) -> Option<u32> {
        self.0.is_lost.load(Relaxed).then_some(self.0.share)
    }

    /// Exchanges this account soon; `false`: there is no room for background work.
    pub(crate) fn ask(&self, account: Arc<dyn Exchanged>) -> bool {
        let mut queue = self.queue();
        if !queue.is_worked_on {
            // Under the lock: the worker asks for it first of all, elsewhere.
            if self.0.background.spawn(self.clone().work()).is_err() {
                self.0.errors.inc();
                return false;
            }
            queue.is_worked_on = true;
        }
        queue.accounts.push(account);
        true
    }

    /// One budget after the other, some names at a time.
    async fn all(&self, accounts: Vec<Arc<dyn Exchanged>>) {
        for some in accounts.chunks(AT_A_TIME) {
            join_all(some.iter().map(|account| self.one(&**account))).await;
        }
    }

    async fn one(&self, account: &dyn Exchanged) {
        for (of, key, due) in account.due() {
            let adding = async { self.0.sums.add(key, due.amount, due.keep_for).await };
            let added = AssertUnwindSafe(adding).catch_unwind().await;
            let added = added.unwrap_or_else(|_| Err("the store of budgets panicked".into()));
            let is_lost = added.is_err();
            if self.0.is_lost.swap(is_lost, Relaxed) != is_lost {
                match &added {
                    Err(error) => {
                        tracing::warn!(%error, "budgets are not shared: each process has its own share")
                    }
                    Ok(_) => tracing::info!("budgets are shared again"),
                }
            }
            match added {
                Ok(sum) => account.told(of, due, sum),
                Err(_) => self.0.errors.inc(),
            }
        }
    }

    /// At once, and then in steps, until nobody asks any more.
    async fn work(self) {
        loop {
            let accounts = {
                let mut queue = self.queue();
                if queue.accounts.is_empty() {
                    queue.is_worked_on = false;
                    return;
                }
                mem::take(&mut queue.accounts)
            };
            self.all(accounts).await;
            time::sleep(self.every()).await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
