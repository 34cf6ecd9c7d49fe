//! Telemetry that is switched off for the process: alone in a process.

use obs_apm::{ApmLayer, Config, Status};
use opentelemetry::{Context, trace::TraceContextExt};
use tower_layer::Layer;

#[test]
fn layers_export_nothing() {
    let off = |name: &str| (name == "ENABLE_APM").then(|| "false".to_owned());
    let guard = obs_apm::init(Config::new().variables(off));
    assert!(guard.is_first());
    assert_eq!(guard.status(), Status::Disabled);
    assert!(!obs_apm::metrics().is_enabled());
    let layer = ApmLayer::new().wall_clock(|| unreachable!("no clock is read"));
    let service = layer.layer(());
    assert_eq!(service.stats(), layer.stats());
    assert!(!Context::current().has_active_span());
}
