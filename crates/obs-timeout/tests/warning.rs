//! What is logged: alone in a process, as the callsites of `tracing` are shared by all threads.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use obs_core::{Call, Error, Fingerprint, LlmRequest, LlmResponse, Role, Usage};
use obs_metrics::Metrics;
use obs_timeout::TimeoutLayer;
use tower::{Layer, ServiceExt, service_fn};

const S: Duration = Duration::from_secs(1);

struct Ask;

struct Reply;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "m"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

impl LlmResponse for Reply {
    type Chunk = std::convert::Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_warning_tells_once_that_a_call_is_late() {
    let warned = Arc::new(Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(Log(warned.clone()));
    let layer = TimeoutLayer::new(3 * S).grace(2 * S);
    let never = service_fn(|_: Call<Ask>| std::future::pending::<Result<Reply, Error>>());
    let mut call = Call::new(Ask);
    call.context.id = Some("c-1".into());
    assert!(
        layer
            .metrics(&Metrics::disabled())
            .layer(never)
            .oneshot(call)
            .await
            .is_err()
    );
    let warned = warned.lock().unwrap();
    assert_eq!(warned.len(), 1, "{warned:?}");
    for part in [
        "WARN",
        "a call is late",
        "c-1",
        "chat",
        "limit=3s",
        "grace=2s",
        "after=3s",
    ] {
        assert!(warned[0].contains(part), "{part} in {warned:?}");
    }
}

/// Keeps the events.
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = event.metadata().level().to_string();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                text += &format!(" {field}={value:?}");
            },
        );
        self.0.lock().unwrap().push(text);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
