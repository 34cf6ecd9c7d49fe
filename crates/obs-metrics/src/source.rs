//! Ledgers of several layers, summed by label set.

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use obs_core::Usd;
use opentelemetry::{Key, KeyValue};

/// Tells each label set of one ledger with its value.
type Source<T> = Arc<dyn Fn(&mut dyn FnMut(&[KeyValue], T)) + Send + Sync>;

/// All ledgers that are exported under one name.
pub(crate) struct Sources<T>(Mutex<Vec<Source<T>>>);

/// What can be summed.
pub(crate) trait Sum: Copy {
    fn plus(self, other: Self) -> Self;
}

/// So many of so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) part: u64,
    pub(crate) whole: u64,
}

impl<T> Default for Sources<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Sources<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sources", self.list().len())
    }
}

impl<T> Sources<T> {
    pub(crate) fn add(&self, source: Source<T>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(source);
    }

    /// A copy: sources are not run under the lock, for they are others' code.
    fn list(&self) -> Vec<Source<T>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<T: Sum> Sources<T> {
    /// Shows the sums, each label set once.
    ///
    /// A panic in a source must not reach the SDK, which would collect nothing ever again. The name is then left out this
    /// time: a gap is honest, a sum without one of its parts would look like a counter that fell.
    pub(crate) fn sum(&self, mut show: impl FnMut(&[KeyValue], T)) {
        let mut sums = BTreeMap::<Vec<(Key, String)>, (Vec<KeyValue>, T)>::new();
        let walk = || {
            for source in self.list() {
                source(&mut |labels, value| {
                    sums.entry(identity(labels))
                        .and_modify(|(_, sum)| *sum = sum.plus(value))
                        .or_insert_with(|| (labels.to_vec(), value));
                });
            }
        };
        if catch_unwind(AssertUnwindSafe(walk)).is_ok() {
            for (labels, sum) in sums.values() {
                show(labels, *sum);
            }
        }
    }
}

/// Neither the order of labels nor the type of a value makes another series.
fn identity(labels: &[KeyValue]) -> Vec<(Key, String)> {
    let mut labels: Vec<_> = labels
        .iter()
        .map(|label| (label.key.clone(), label.value.to_string()))
        .collect();
    labels.sort_unstable();
    labels
}

impl Sum for u64 {
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Sum for i64 {
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Sum for Usd {
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

impl Sum for Share {
    fn plus(self, other: Self) -> Self {
        Self {
            part: self.part.plus(other.part),
            whole: self.whole.plus(other.whole),
        }
    }
}

impl Share {
    /// `None` while there is no whole. The two are not read at one moment, so that a part may be ahead of its whole.
    pub(crate) fn ratio(self) -> Option<f64> {
        self.mean().map(|mean| mean.min(1.0))
    }

    /// `None` while there is nothing to divide by.
    pub(crate) fn mean(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }
}
