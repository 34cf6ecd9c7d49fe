//! How what a store in Redis counts is shown.
use obs_metrics::Metrics;
use obs_redis::State;
use opentelemetry::KeyValue;

use super::RedisStore;
use crate::ledger::{STORE_ERRORS, STORE_ERRORS_WHAT};

impl RedisStore {
    pub(super) fn show(&self, metrics: &Metrics) {
        let this = self.clone();
        metrics.counter(STORE_ERRORS, STORE_ERRORS_WHAT, move |tell| {
            this.0.writes.faults.tell("write", tell);
        });
        let this = self.clone();
        let what = "Writes to the store that there was no room for.";
        metrics.counter("cache_write_drops_total", what, move |tell| {
            tell(&[], this.stats().dropped);
        });
        let this = self.clone();
        let what = "Bytes of answers that wait to be written to the store.";
        metrics.up_down("cache_write_queue_bytes", what, move |tell| {
            let waiting = this.0.writes.waiting();
            tell(&[], i64::try_from(waiting).unwrap_or(i64::MAX));
        });
        let this = self.clone();
        let what = "How often the breaker in front of the store has opened.";
        metrics.counter("cache_breaker_opened_total", what, move |tell| {
            tell(&[], this.stats().opened);
        });
        let this = self.clone();
        let what = "1 for the state of the breaker in front of the store, 0 for the others; in a cluster, of the worst one.";
        metrics.up_down("cache_breaker_state", what, move |tell| {
            let now = this.stats().breaker;
            for state in [
                State::Connecting,
                State::Closed,
                State::Open,
                State::HalfOpen,
            ] {
                let label = KeyValue::new("state", state.as_str());
                tell(&[label], i64::from(state == now));
            }
        });
    }
}
