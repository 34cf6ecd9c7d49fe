//! What the layers did to one call, while it happens.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use tokio::time::Instant;

use crate::{Attempt, Report, sync::lock};

/// Written by the layers, readable at any time by whoever made the call: after an error or a cancellation too.
///
/// A clone is another handle to the same journal.
#[derive(Clone, Default)]
pub struct Journal(Arc<Pages>);

#[derive(Default)]
struct Pages {
    report: Mutex<Report>,
    listeners: Mutex<Listeners>,
}

/// Most journals have one or two listeners, which need no list.
#[derive(Clone, Default)]
struct Listeners {
    first: [Option<Arc<dyn AttemptListener>>; 2],
    rest: Vec<Arc<dyn AttemptListener>>,
}

/// Hears of every attempt that passes [`AttemptLayer`](crate::AttemptLayer), also of those that no caller waits for
/// any more: a refresh, a shared call that all have left.
///
/// A layer makes one for itself, not one for each call. A panic in it is caught: it fails no call.
pub trait AttemptListener: Send + Sync {
    /// An attempt has begun.
    fn started(&self, _attempt: &Attempt) {}
    /// An attempt has ended; called once for each.
    fn ended(&self, attempt: &Attempt);
}

impl Journal {
    /// Reads or changes the report under its lock. The closure must not come back to this journal.
    pub fn with<T>(&self, f: impl FnOnce(&mut Report) -> T) -> T {
        f(&mut lock(&self.0.report))
    }

    /// What happened so far.
    #[must_use]
    pub fn read(&self) -> Report {
        self.with(|report| report.clone())
    }

    /// From now on tells this listener of attempts; `false`: it was told already.
    /// [`CallContext::fresh`](crate::CallContext::fresh) takes the listeners along.
    pub fn listen(&self, listener: &Arc<dyn AttemptListener>) -> bool {
        lock(&self.0.listeners).add(listener)
    }

    pub(crate) fn mark_late(&self) {
        self.with(|report| {
            report.late.get_or_insert_with(Instant::now);
        });
    }

    pub(crate) fn fresh(&self) -> Self {
        let listeners = lock(&self.0.listeners).clone();
        let origin = self.with(|report| report.span.clone().or_else(|| report.origin.clone()));
        let mut report = Report::default();
        report.origin = origin;
        Self(Arc::new(Pages {
            report: Mutex::new(report),
            listeners: Mutex::new(listeners),
        }))
    }

    /// Under no lock: a listener may read the journal.
    pub(crate) fn tell(&self, tell: impl Fn(&dyn AttemptListener)) {
        let mut index = 0;
        loop {
            let Some(listener) = lock(&self.0.listeners).get(index).cloned() else {
                return;
            };
            let told = catch_unwind(AssertUnwindSafe(|| tell(&*listener)));
            if told.is_err() {
                tracing::warn!("a listener panicked when told of an attempt; the call goes on");
            }
            index += 1;
        }
    }
}

impl Listeners {
    fn get(&self, index: usize) -> Option<&Arc<dyn AttemptListener>> {
        match self.first.get(index) {
            Some(place) => place.as_ref(),
            None => self.rest.get(index - self.first.len()),
        }
    }

    /// `false`: it is there.
    fn add(&mut self, listener: &Arc<dyn AttemptListener>) -> bool {
        for place in &mut self.first {
            match place {
                Some(known) if Arc::ptr_eq(known, listener) => return false,
                Some(_) => {}
                None => {
                    *place = Some(listener.clone());
                    return true;
                }
            }
        }
        let known = self.rest.iter().any(|l| Arc::ptr_eq(l, listener));
        if !known {
            self.rest.push(listener.clone());
        }
        !known
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.report.fmt(f)
    }
}
