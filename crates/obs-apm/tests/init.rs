//! Telemetry of the process: alone in a process, as it is set up once.

use obs_apm::{ApmLayer, Config, Status};
use obs_core::{Call, Error, Fingerprint, LlmRequest, LlmResponse, Role, Usage};
use opentelemetry::{
    Context, global,
    trace::{TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::InMemorySpanExporter;
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
async fn it_is_set_up_once_for_all_layers_and_for_the_application() {
    let exporter = InMemorySpanExporter::default();
    let first = obs_apm::init(
        Config::new()
            .variables(|_| None)
            .listen(([127, 0, 0, 1], 0).into())
            .no_console()
            .span_exporter(exporter.clone()),
    );
    assert!(first.is_first());
    assert_eq!(first.status(), Status::Active);

    let second = obs_apm::init(Config::new().variables(|_| None).disabled());
    assert!(!second.is_first());
    assert_eq!(second.status(), Status::Active);
    assert_eq!(second.address(), first.address());

    let layer = ApmLayer::new();
    let mut llm = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|_: Call<Ask>| async { Ok::<_, Error>(Answer) }));
    assert!(llm.call(Call::new(Ask)).await.is_ok());
    let metrics = obs_apm::metrics();
    metrics.counter("mine_total", "Of the application.", |tell| tell(&[], 5));
    let counter = global::meter("app").u64_counter("app_total").build();
    counter.add(6, &[]);
    global::tracer("app").in_span("work of the application", |_| {});

    let text = second.render();
    let calls = r#"llm_calls_total{operation="chat",outcome="success"} 1"#;
    for line in [calls, "mine_total 5", "app_total 6"] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }

    // Trace context of callers is understood.
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = std::collections::HashMap::from([("traceparent".to_owned(), trace.to_owned())]);
    let parent =
        global::get_text_map_propagator(|p| p.extract_with_context(&Context::new(), &headers));
    let id = parent.span().span_context().trace_id().to_string();
    assert_eq!(id, "0af7651916cd43dd8448eb211c80319c");

    // The second guard ends nothing.
    drop(second);
    assert!(first.render().contains("app_total 6"));
    let telemetry = first.telemetry();
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.force_flush().expect("flushes");
    let spans = exporter.get_finished_spans().expect("not poisoned");
    let mut names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["chat model", "work of the application"]);

    let address = first.address().expect("it listens");
    drop(first);
    assert!(std::net::TcpStream::connect(address).is_err());

    // After the end, calls go on.
    assert!(llm.call(Call::new(Ask)).await.is_ok());
    assert_eq!(llm.stats().success, 2);
    assert!(!obs_apm::init(Config::new()).is_first());
}
