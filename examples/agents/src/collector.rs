//! A collector that keeps the spans that it gets by OTLP, to look at them afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use http::StatusCode;
use obs_core::BoxError;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::net::TcpListener;

/// A span, and the service that sent it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `service.name`
    pub service: String,
    /// As it came.
    pub span: Span,
}

/// A collector on a free port. It goes on until the runtime ends.
#[derive(Debug)]
pub struct Collector {
    url: String,
    seen: Spans,
}

type Spans = Arc<Mutex<Vec<Seen>>>;

impl Collector {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start() -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Spans::default();
        let router = Router::new().route("/v1/traces", post(take));
        let router = router.with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, seen })
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All spans that came.
    #[must_use]
    pub fn spans(&self) -> Vec<Seen> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(seen): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes);
        let service = text(&attributes.unwrap_or_default(), "service.name");
        for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
            let service = service.clone().unwrap_or_default();
            seen.push(Seen { service, span });
        }
    }
    StatusCode::OK
}

impl Seen {
    /// An attribute of the span.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(n) => n.to_string(),
        Value::DoubleValue(x) => x.to_string(),
        other => format!("{other:?}"),
    })
}
