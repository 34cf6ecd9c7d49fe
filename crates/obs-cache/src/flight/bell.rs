//! Wakes the members of a flight.
use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};

use super::lock::lock;

/// Wakes every member: each wants every chunk, and none of them alone can be charged with waking the others, for it
/// may leave.
#[derive(Default)]
pub(super) struct Bell {
    wakers: Mutex<Vec<(u64, Waker)>>,
    rung: AtomicU64,
}

impl Bell {
    /// Before looking whether there is something: what comes between the two would not wake.
    pub(super) fn register(&self, id: u64, waker: &Waker) {
        let mut wakers = lock(&self.wakers);
        match wakers.iter_mut().find(|(other, _)| *other == id) {
            Some((_, known)) => known.clone_from(waker),
            None => wakers.push((id, waker.clone())),
        }
    }

    /// For a poller that found nothing. Who was woken while it polled found the call taken and sleeps again: if
    /// the poller now leaves, nobody else would look.
    pub(super) fn ring_if_rung_since(&self, before: u64) {
        if self.rung() != before {
            self.ring();
        }
    }

    pub(super) fn forget(&self, id: u64) {
        lock(&self.wakers).retain(|(other, _)| *other != id);
    }

    /// How often it has rung.
    pub(super) fn rung(&self) -> u64 {
        self.rung.load(SeqCst)
    }

    pub(super) fn ring(&self) {
        self.ring_for(None);
    }

    /// Outside the lock: who is woken may poll at once.
    pub(super) fn ring_for(&self, by: Option<u64>) {
        self.rung.fetch_add(1, SeqCst);
        let wakers = mem::take(&mut *lock(&self.wakers));
        let others = wakers.into_iter().filter(|(id, _)| Some(*id) != by);
        others.for_each(|(_, waker)| waker.wake());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
