//! Both generations of the conventions.

use obs_apm::{ApmLayer, Conventions, Telemetry};
use obs_core::{AttemptLayer, Call, Error, ErrorKind, Usage};
use tower::{Service, ServiceBuilder, service_fn};

use crate::common::{Answer, Ask, Spans, attribute, error, prices, quiet, usage, value};

fn used() -> Usage {
    Usage {
        cached_input: 400,
        cache_write: 100,
        reasoning: 60,
        ..usage(1_000, 90)
    }
}

/// One call that is answered, and one that fails.
async fn calls(layer: &ApmLayer) {
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|ask: Ask| async move {
            match ask.model.as_str() {
                "fails" => Err(error(ErrorKind::RateLimited)),
                _ => Ok::<_, Error>(Answer {
                    usage: Some(used()),
                    ..Answer::whole(0, 0)
                }),
            }
        }));
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let failed = llm.call(Call::new(Ask::of("fails"))).await;
    failed.expect_err("fails");
}

fn labels(model: &str, more: &str) -> String {
    format!(
        "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",gen_ai_request_model=\"{model}\"{more}"
    )
}

#[tokio::test]
async fn the_first_tells_tokens_in_one_histogram_by_their_type() {
    let telemetry = Telemetry::build(quiet());
    let layer = ApmLayer::new()
        .telemetry(&telemetry)
        .provider_name("openai");
    calls(&layer).await;
    for (kind, sum) in [("input", 1_000.0), ("output", 90.0)] {
        let labels = labels("priced", &format!(",gen_ai_token_type=\"{kind}\""));
        let series = format!("gen_ai_client_token_usage_sum{{{labels}}}");
        assert_eq!(value(&telemetry, &series), Some(sum), "{series}");
    }
    let text = telemetry.render();
    assert!(!text.contains("gen_ai_client_inference"), "{text}");
    assert!(!text.contains("gen_ai_request_model=\"fails\",gen_ai_token_type"));
}

#[tokio::test]
async fn the_latest_tells_each_type_in_a_counter_and_the_two_sides_in_histograms() {
    let opt_in = |name: &str| {
        (name == "OTEL_SEMCONV_STABILITY_OPT_IN").then(|| "gen_ai_latest_experimental".to_owned())
    };
    let telemetry = Telemetry::build(quiet().variables(opt_in));
    let layer = ApmLayer::new()
        .telemetry(&telemetry)
        .provider_name("openai")
        .route("broken", "fails", "openai");
    calls(&layer).await;
    let modality = ",gen_ai_token_modality=\"unknown\"";
    for (name, sum) in [
        ("input_tokens", 1_000.0),
        ("output_tokens", 90.0),
        ("cache_read_input_tokens", 400.0),
        ("cache_write_input_tokens", 100.0),
        ("reasoning_output_tokens", 60.0),
    ] {
        // Failed calls too, with nothing.
        for (model, sum) in [("priced", sum), ("fails", 0.0)] {
            let labels = labels(model, modality);
            let series = format!("gen_ai_client_inference_usage_{name}_total{{{labels}}}");
            assert_eq!(value(&telemetry, &series), Some(sum), "{series}");
        }
    }
    for (name, sum) in [("input_tokens", 1_000.0), ("output_tokens", 90.0)] {
        let name = format!("gen_ai_client_inference_operation_{name}");
        let series = format!("{name}_sum{{{}}}", labels("priced", ""));
        assert_eq!(value(&telemetry, &series), Some(sum), "{series}");
        let failed = labels("fails", "");
        let series = format!("{name}_count{{error_type=\"rate_limited\",{failed}}}");
        assert_eq!(value(&telemetry, &series), Some(1.0), "{series}");
        let bound = labels("priced", ",le=\"1024\"");
        let series = format!("{name}_bucket{{{bound}}}");
        assert_eq!(value(&telemetry, &series), Some(1.0), "{series}");
    }
    let text = telemetry.render();
    assert!(!text.contains("gen_ai_client_token_usage"), "{text}");
    assert!(text.contains("# TYPE gen_ai_client_inference_usage_input_tokens_total counter"));
}

#[tokio::test]
async fn tokens_written_to_a_cache_of_the_provider_have_a_name_in_each() {
    for (conventions, name, other) in [
        (Conventions::V1_41, "cache_creation", "cache_write"),
        (Conventions::Latest, "cache_write", "cache_creation"),
    ] {
        let spans = Spans::new();
        calls(&spans.layer().conventions(conventions)).await;
        let span = spans.all().remove(0);
        let key = |name| format!("gen_ai.usage.{name}.input_tokens");
        assert_eq!(attribute(&span, &key(name)).as_deref(), Some("100"));
        assert_eq!(attribute(&span, &key(other)), None);
    }
}
