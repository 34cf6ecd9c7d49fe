//! A process that never sets telemetry up: alone in a process, so that nobody else does.

use obs_apm::{Activity, ApmLayer};
use obs_core::{
    AttemptLayer, Call, Error, Fingerprint, LlmRequest, LlmResponse, PriceTable, Role, Usage,
};
use opentelemetry::Context;
use tower::{Service, ServiceBuilder, service_fn};

struct Ask;
struct Answer;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "model"
    }

    fn set_model(&mut self, _model: &str) {}

    fn visit_prompt(&self, _visit: &mut dyn FnMut(Role, &str)) {}

    fn fingerprint(&self, _to: &mut Fingerprint) {}
}

impl LlmResponse for Answer {
    type Chunk = std::convert::Infallible;

    fn usage(&self) -> Option<Usage> {
        None
    }
}

#[tokio::test]
async fn calls_go_on_and_are_counted_and_context_still_travels() {
    let apm = ApmLayer::new();
    let mut llm = ServiceBuilder::new()
        .layer(apm.clone())
        .layer(apm.attempt_spans())
        .layer(AttemptLayer::new(PriceTable::new()))
        .service(service_fn(|_: Ask| async { Ok::<_, Error>(Answer) }));
    let agent = Activity::agent("planner").start();
    assert!(agent.run(llm.call(Call::new(Ask))).await.is_ok());
    drop(agent);
    assert_eq!((apm.stats().success, apm.stats().attempts), (1, 1));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = std::collections::HashMap::from([("traceparent".to_owned(), trace.to_owned())]);
    let propagator = obs_apm::propagator();
    let incoming = propagator.extract(&headers);
    let mut sent = std::collections::HashMap::<String, String>::new();
    incoming
        .run(async { propagator.inject_trace(&Context::current(), &mut sent) })
        .await;
    assert_eq!(sent.get("traceparent").map(String::as_str), Some(trace));
}
