//! Calls that were not sampled, and are told all the same.

use std::time::Duration;

use obs_apm::{ApmLayer, Config, Keep, Telemetry};
use obs_core::{AttemptLayer, Call, Error, ErrorKind, Purpose, Usd};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::common::{Answer, Ask, attribute, error, prices, quiet, start};

/// A telemetry that samples nothing, and keeps what the rule says.
struct Kept {
    exporter: InMemorySpanExporter,
    layer: ApmLayer,
}

impl Kept {
    fn by(keep: Option<Keep>) -> Self {
        let exporter = InMemorySpanExporter::default();
        let off = |name: &str| (name == "OTEL_TRACES_SAMPLER").then(|| "always_off".to_owned());
        let mut config: Config = quiet()
            .variables(off)
            .span_processor(SimpleSpanProcessor::new(exporter.clone()));
        if let Some(keep) = keep {
            config = config.keep(keep);
        }
        let telemetry = Telemetry::build(config);
        let layer = ApmLayer::new().telemetry(&telemetry).wall_clock(start);
        Self {
            exporter,
            layer: layer.provider_name("openai"),
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().expect("not poisoned")
    }

    /// What calls of each sort are kept for.
    async fn reasons(&self) -> Vec<String> {
        let mut llm = ServiceBuilder::new()
            .layer(self.layer.clone())
            .layer(AttemptLayer::new(prices()).enveloped())
            .service(service_fn(|call: Call<Ask>| async move {
                match call.request.model.as_str() {
                    "fails" => return Err(error(ErrorKind::Upstream)),
                    "late" => call.context.mark_late(),
                    _ => {}
                }
                Ok(Answer::whole(100_000, 0))
            }));
        for model in ["unpriced", "fails", "late", "priced"] {
            let _ = llm.call(Call::new(Ask::of(model))).await;
        }
        let spans = self.spans();
        let calls = spans
            .iter()
            .filter(|span| span.parent_span_id == SpanId::INVALID);
        let told = calls.map(|span| {
            let reason = attribute(span, "obs.kept").unwrap_or_default();
            format!("{}: {reason}", span.name)
        });
        told.collect()
    }
}

#[tokio::test]
async fn the_rule_keeps_failed_late_and_costly_calls_and_no_others() {
    let ten_cents: Usd = "0.1".parse().expect("a number");
    let more: Usd = "0.1000001".parse().expect("a number");
    for (keep, expected) in [
        (
            Keep::default(),
            &["chat fails: error", "chat late: late", "chat priced: cost"][..],
        ),
        (Keep::nothing().errors(), &["chat fails: error"][..]),
        (Keep::nothing().late(), &["chat late: late"][..]),
        (
            Keep::nothing().costing(ten_cents),
            &["chat priced: cost"][..],
        ),
        (Keep::nothing().costing(more), &[][..]),
        (Keep::nothing(), &[][..]),
    ] {
        assert_eq!(Kept::by(Some(keep)).reasons().await, expected, "{keep:?}");
    }
    // Who names a sampler means it.
    assert_eq!(Kept::by(None).reasons().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_kept_call_is_told_as_a_sampled_one_is_with_its_attempts_as_children() {
    let kept = Kept::by(Some(Keep::nothing().errors()));
    // What a router does that tries twice.
    let inner = service_fn(|call: Call<Ask>| async move {
        let mut model = AttemptLayer::new(prices()).layer(service_fn(|ask: Ask| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            match ask.model.as_str() {
                "priced" => Err(error(ErrorKind::Overloaded)),
                _ => Err::<Answer, _>(error(ErrorKind::Caller)),
            }
        }));
        let mut result = None;
        for (route, purpose) in [("priced", Purpose::First), ("other", Purpose::Fallback)] {
            let mut context = call.context.child(purpose);
            context.route = Some(route.into());
            let call = Call::with_context(Ask::of(route), context);
            result = Some(model.call(call).await);
        }
        result.expect("two were tried")
    });
    let mut llm = kept.layer.layer(inner);
    let mut call = Call::new(Ask::of("priced")).session("talk");
    call.context.id = Some("call-1".into());
    let result: Result<Answer, Error> = llm.call(call).await;
    result.expect_err("fails");
    let spans = kept.spans();
    let [call, first, second] = spans.as_slice() else {
        panic!("a call with two attempts, and not {spans:?}");
    };
    assert_eq!(call.name, "chat priced");
    assert!(call.span_context.is_sampled());
    assert_eq!(call.span_kind, SpanKind::Client);
    assert_eq!(call.status, Status::error(""));
    assert_eq!(call.start_time, start());
    assert_eq!(call.end_time, start() + Duration::from_millis(20));
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "priced"),
        ("gen_ai.conversation.id", "talk"),
        ("obs.call.id", "call-1"),
        ("error.type", "caller"),
        ("obs.error.fault", "caller"),
        ("obs.attempts", "2"),
    ] {
        assert_eq!(attribute(call, key).as_deref(), Some(value), "{key}");
    }
    let events: Vec<_> = call
        .events
        .iter()
        .map(|event| event.name.as_ref())
        .collect();
    let attempt = ["obs.attempt.start", "obs.attempt.end"];
    assert_eq!(events, [attempt, attempt].concat());
    for (attempt, from, to) in [(first, 0, 10), (second, 10, 20)] {
        assert_eq!(attempt.parent_span_id, call.span_context.span_id());
        let trace = attempt.span_context.trace_id();
        assert_eq!(trace, call.span_context.trace_id());
        assert!(attempt.span_context.is_sampled());
        assert_eq!(attempt.start_time, start() + Duration::from_millis(from));
        assert_eq!(attempt.end_time, start() + Duration::from_millis(to));
        assert_eq!(attempt.status, Status::error(""));
    }
    assert_ne!(first.span_context.span_id(), second.span_context.span_id());
    assert_eq!(
        attribute(first, "error.type").as_deref(),
        Some("overloaded")
    );
    assert_eq!(attribute(second, "obs.route").as_deref(), Some("other"));
    let purpose = attribute(second, "obs.attempt.purpose");
    assert_eq!(purpose.as_deref(), Some("fallback"));
}
