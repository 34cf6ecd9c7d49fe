//! Telemetry that is set up after the first layer was made: alone in a process.

use obs_apm::{ApmLayer, Config, Part, Status};
use tower_layer::Layer;

#[test]
fn it_says_that_a_layer_was_made_before() {
    let _service = ApmLayer::new().layer(());
    let guard = obs_apm::init(Config::new().variables(|_| None).no_listener().no_console());
    let Status::Degraded(problems) = guard.status() else {
        panic!("degraded, and not {:?}", guard.status());
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].part(), Part::Process);
    assert!(problems[0].remedy().contains("init"), "{}", problems[0]);
    assert!(guard.render().contains("obs_build_info"));
}
