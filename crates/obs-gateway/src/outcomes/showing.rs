//! What is shown of a model in traffic.
use std::sync::Arc;

use obs_apm::Telemetry;
use obs_learn::{By, Online};
use opentelemetry::KeyValue;

/// Of which shares are told.
const PARTS: u64 = 1_000_000;

/// Who decides, and how well the model foresaw what came.
pub(super) fn show(online: &Arc<Online>, telemetry: &Telemetry) {
    let metrics = telemetry.metrics();
    let of = online.clone();
    let what = "Whether the learned model decides (1), or the rule in its place (0).";
    metrics.up_down("router_model_stands", what, move |tell| {
        tell(&[], i64::from(of.stands() == By::Model));
    });
    let of = online.clone();
    let what = "Outcomes that the learned model was compared with.";
    metrics.counter("router_model_outcomes_total", what, move |tell| {
        tell(&[], of.watch().outcomes);
    });
    let of = online.clone();
    let what = "How often the learned model was replaced by the rule.";
    metrics.counter("router_model_falls_total", what, move |tell| {
        tell(&[], of.watch().falls);
    });
    let of = online.clone();
    let what =
        "Gain of the premium route, 0 to 1: predicted and observed, over the outcomes of late.";
    metrics.ratio("router_model_gain", what, move |tell| {
        let watch = of.watch();
        for (kind, gain) in [("predicted", watch.predicted), ("observed", watch.observed)] {
            let parts = (gain.clamp(0.0, 1.0) * PARTS as f64).round() as u64;
            let all = if watch.outcomes == 0 { 0 } else { PARTS };
            tell(&[KeyValue::new("kind", kind)], parts, all);
        }
    });
}
