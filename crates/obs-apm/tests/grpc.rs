//! Export by OTLP over gRPC, to a real server on loopback.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use obs_apm::{Config, Environment, Status, Telemetry};
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::net::TcpListener;
use tonic::{Request, Response, transport::server::TcpIncoming};

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Collector {
    traces: Arc<Mutex<Vec<Request<ExportTraceServiceRequest>>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, tonic::Status> {
        self.traces.lock().expect("not poisoned").push(request);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, tonic::Status> {
        let request = request.into_inner();
        self.metrics.lock().expect("not poisoned").push(request);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signals_are_sent_with_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("is bound"));
    let collector = Collector::default();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let variables = HashMap::from([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=search".to_owned()),
    ]);
    let telemetry = Telemetry::build(
        Config::new()
            .variables(move |name| variables.get(name).cloned())
            .environment(Environment::Staging)
            .service_name("answers")
            .no_listener()
            .no_console(),
    );
    assert_eq!(telemetry.status(), Status::Active);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    for _ in 0..3 {
        traces.tracer("test").start("work").end();
    }
    let flushed = tokio::task::spawn_blocking(move || telemetry.shutdown());
    flushed.await.expect("no panic").expect("flushes");
    let traces = collector.traces.lock().expect("not poisoned");
    let [request] = traces.as_slice() else {
        panic!("one batch, and not {}", traces.len());
    };
    let team = request.metadata().get("x-team");
    assert_eq!(team.and_then(|value| value.to_str().ok()), Some("search"));
    let spans = request.get_ref().resource_spans.iter();
    let spans = spans.flat_map(|resource| &resource.scope_spans);
    assert_eq!(spans.map(|scope| scope.spans.len()).sum::<usize>(), 3);
    let metrics = collector.metrics.lock().expect("not poisoned");
    assert!(!metrics.is_empty());
}
