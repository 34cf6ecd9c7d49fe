//! Faults of stores.
use obs_metrics::Count;
use opentelemetry::KeyValue;

use crate::StoreFault;

pub(crate) const STORE_ERRORS: &str = "cache_store_errors_total";
pub(crate) const STORE_ERRORS_WHAT: &str = "Faults of the store, none of which failed a call.";

/// Counts of faults, by kind.
#[derive(Debug, Default)]
pub(crate) struct Faults([Count; StoreFault::ALL.len()]);

impl Faults {
    pub(crate) fn count(&self, fault: StoreFault) {
        self.0[fault.index()].inc();
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(Count::get).sum()
    }

    pub(crate) fn tell(&self, op: &'static str, tell: &mut dyn FnMut(&[KeyValue], u64)) {
        for (fault, count) in StoreFault::ALL.iter().zip(&self.0) {
            let kind = KeyValue::new("kind", fault.as_str());
            tell(&[kind, KeyValue::new("op", op)], count.get());
        }
    }
}
