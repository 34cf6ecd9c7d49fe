//! The metrics of the process: alone in a process, as they are made once.

use obs_metrics::Metrics;

#[test]
fn what_was_set_first_stays() {
    Metrics::set_global(Metrics::disabled()).expect("nobody was here before");
    assert!(!Metrics::global().is_enabled());
    let later = Metrics::new(opentelemetry::global::meter("later"));
    let there = Metrics::set_global(later).expect_err("it is set");
    assert!(!there.is_enabled());
}
