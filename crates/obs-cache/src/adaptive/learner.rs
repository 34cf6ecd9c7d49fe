//! What is remembered of keys, and which class they belong to.
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use obs_core::{CallContext, Key, LlmRequest};
use obs_metrics::Capped;
use quick_cache::sync::Cache;

use super::{AdaptiveTtl, ClassTtl, class::Class};
use crate::Timestamp;

/// Keys of which the last use and the last answer are remembered, some 100 bytes each. The least used are forgotten.
const REMEMBERED: usize = 32 * 1024;

/// Learns times to live. Shared by all services of a layer.
pub(crate) struct Learner {
    settings: AdaptiveTtl,
    classes: Capped<Arc<Class>>,
    keys: Cache<Key, Arc<Mutex<Memo>>>,
}

/// One call's view of what is learned.
#[derive(Clone, Debug)]
pub(crate) struct Learning {
    learner: Arc<Learner>,
    class: Arc<Class>,
}

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    used: Option<Timestamp>,
    /// When the last answer was made, and a digest of what it says.
    answer: Option<(Timestamp, u64)>,
}

impl Learner {
    pub(crate) fn new(settings: AdaptiveTtl) -> Self {
        Self {
            settings,
            classes: Capped::default(),
            keys: Cache::new(REMEMBERED),
        }
    }

    /// `first` is the time to live of a class that nothing is known of.
    pub(crate) fn learning(
        self: &Arc<Self>,
        request: &dyn LlmRequest,
        context: &CallContext,
        first: Duration,
    ) -> Learning {
        let name = self.settings.class_of(request, context);
        let class = self.classes.entry(&name, |name| {
            Arc::new(Class::new(name.clone(), self.settings.limits(), first))
        });
        Learning {
            learner: self.clone(),
            class: class.as_ref().clone(),
        }
    }

    /// All classes, by name.
    pub(crate) fn explain(&self) -> Vec<ClassTtl> {
        let mut all = Vec::new();
        self.classes.for_each(|_, class| all.push(class.explain()));
        all.sort_by(|a, b| a.class.cmp(&b.class));
        all
    }
}

impl Learning {
    /// For how long an answer is good now.
    pub(crate) fn ttl(&self) -> Duration {
        self.class.ttl()
    }

    /// A call asked for this key.
    pub(crate) fn used(&self, key: &Key, now: Timestamp) {
        let before = self.remember(key, |memo| memo.used.replace(now));
        if let Some(before) = before {
            self.class.used_again(now.since(before));
        }
    }

    /// It was given an answer of this age.
    pub(crate) fn hit(&self, age: Duration) {
        self.class.hit(age);
    }

    /// There is a new answer, which says this. `Some`: whether the one before had said something else.
    pub(crate) fn renewed(&self, key: &Key, digest: u64, now: Timestamp) -> Option<bool> {
        let before = self.remember(key, |memo| memo.answer.replace((now, digest)));
        let (made, said) = before?;
        self.class.renewed(now.since(made), said != digest);
        Some(said != digest)
    }

    fn remember<T>(&self, key: &Key, what: impl FnOnce(&mut Memo) -> T) -> T {
        let keys = &self.learner.keys;
        let memo = keys.get(key).unwrap_or_else(|| {
            let memo = Arc::<Mutex<Memo>>::default();
            keys.insert(*key, memo.clone());
            memo
        });
        let mut memo = memo.lock().unwrap_or_else(PoisonError::into_inner);
        what(&mut memo)
    }
}

impl fmt::Debug for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner")
            .field("settings", &self.settings)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}
