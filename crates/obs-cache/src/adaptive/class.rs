//! What is learned of a class of answers.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    ClassTtl, TtlReason,
    change::ChangeRate,
    plan::{Limits, Plan},
    reuse::Reuse,
};

/// Fewest comparisons after which the time to live moves.
const ENOUGH: u64 = 4;

/// A class of answers that are thought to change equally often, and be used alike.
#[derive(Debug)]
pub(super) struct Class {
    name: Arc<str>,
    limits: Limits,
    /// In milliseconds; read by every call.
    ttl: AtomicU64,
    learned: Mutex<Learned>,
}

#[derive(Debug)]
struct Learned {
    change: ChangeRate,
    reuse: Reuse,
    plan: Plan,
    compared: u64,
    changed: u64,
    drifts: u64,
    /// Comparisons since it was last planned.
    unplanned: u64,
}

impl Class {
    /// `first` is the time to live while nothing is known.
    pub(super) fn new(name: Arc<str>, limits: Limits, first: Duration) -> Self {
        let first = first.clamp(limits.floor, limits.ceiling);
        let memory = (8.0 / limits.target).clamp(200.0, 8000.0);
        let plan = Plan {
            ttl: first,
            reason: TtlReason::Unknown,
            outdated: limits.target,
        };
        Self {
            name,
            limits,
            ttl: AtomicU64::new(first.as_millis() as u64),
            learned: Mutex::new(Learned {
                change: ChangeRate::new(limits.rate_for(first), memory),
                reuse: Reuse::default(),
                plan,
                compared: 0,
                changed: 0,
                drifts: 0,
                unplanned: 0,
            }),
        }
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl.load(Relaxed))
    }

    /// A key of it was used again.
    pub(super) fn used_again(&self, gap: Duration) {
        self.lock().reuse.used_again(gap);
    }

    /// An answer of it was given again.
    pub(super) fn hit(&self, age: Duration) {
        let ttl = self.ttl();
        self.lock().reuse.hit(age, ttl);
    }

    /// An answer of it was asked for again after so long.
    pub(super) fn renewed(&self, after: Duration, is_changed: bool) {
        let mut learned = self.lock();
        let drifted = learned.change.observe(after, is_changed);
        learned.compared += 1;
        learned.changed += u64::from(is_changed);
        learned.drifts += u64::from(drifted);
        learned.unplanned += 1;
        // The more is known, the less one observation matters.
        let patience = (learned.change.observations() / 16.0).clamp(1.0, 32.0) as u64;
        if learned.compared >= ENOUGH && (drifted || learned.unplanned >= patience) {
            learned.unplanned = 0;
            learned.change.estimate();
            learned.plan = self.limits.plan(learned.change.rate(), &learned.reuse);
            let millis = learned.plan.ttl.as_millis() as u64;
            self.ttl.store(millis.max(1), Relaxed);
        }
    }

    pub(super) fn explain(&self) -> ClassTtl {
        let learned = self.lock();
        ClassTtl {
            class: self.name.clone(),
            ttl: self.ttl(),
            reason: learned.plan.reason,
            compared: learned.compared,
            changed: learned.changed,
            changes_every: Duration::from_secs_f64(1e-3 / learned.change.rate()),
            reused_within: learned.reuse.median(),
            outdated: learned.plan.outdated,
            drifts: learned.drifts,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
