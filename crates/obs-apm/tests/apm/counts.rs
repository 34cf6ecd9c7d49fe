//! What is counted, and how Prometheus reads it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::StreamExt;
use obs_apm::{ApmLayer, Config, Stats, Telemetry};
use obs_core::{
    AttemptLayer, Call, Deadline, Error, ErrorKind, LlmResponse, Operation, Paid, Usage, Usd,
};
use tokio::time::{advance, sleep};
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::common::{Answer, Ask, Token, error, prices, quiet, telemetry, usage, value, words};

const MODEL: &str = r#"gen_ai_request_model="priced""#;
const CHAT: &str = r#"gen_ai_operation_name="chat",gen_ai_provider_name="openai""#;

fn layer(telemetry: &Telemetry) -> ApmLayer {
    ApmLayer::new().telemetry(telemetry).provider_name("openai")
}

/// The stack over what a model does.
macro_rules! stack {
    ($layer:expr, $inner:expr) => {
        ServiceBuilder::new()
            .layer($layer.clone())
            .layer(AttemptLayer::new(prices()))
            .service(service_fn($inner))
    };
}

#[tokio::test(start_paused = true)]
async fn a_plain_call_is_told_by_every_metric() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |_: Ask| async {
        sleep(Duration::from_millis(300)).await;
        Ok::<_, Error>(Answer::whole(1_000, 10))
    });
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");

    let duration = "gen_ai_client_operation_duration_seconds";
    let tokens = "gen_ai_client_token_usage";
    for (series, expected) in [
        (format!("{duration}_sum{{{CHAT},{MODEL}}}"), 0.3),
        (format!("{duration}_count{{{CHAT},{MODEL}}}"), 1.0),
        (
            format!("{duration}_bucket{{{CHAT},{MODEL},le=\"0.16\"}}"),
            0.0,
        ),
        (
            format!("{duration}_bucket{{{CHAT},{MODEL},le=\"0.32\"}}"),
            1.0,
        ),
        (
            format!("{tokens}_sum{{{CHAT},{MODEL},gen_ai_token_type=\"input\"}}"),
            1_000.0,
        ),
        (
            format!("{tokens}_sum{{{CHAT},{MODEL},gen_ai_token_type=\"output\"}}"),
            10.0,
        ),
        (
            format!("{tokens}_bucket{{{CHAT},{MODEL},gen_ai_token_type=\"output\",le=\"16\"}}"),
            1.0,
        ),
        (
            r#"llm_calls_total{operation="chat",outcome="success"}"#.into(),
            1.0,
        ),
        (
            r#"llm_calls_total{operation="chat",outcome="error"}"#.into(),
            0.0,
        ),
        (
            r#"llm_calls_total{operation="embeddings",outcome="success"}"#.into(),
            0.0,
        ),
        (r#"llm_calls_in_flight{operation="chat"}"#.into(), 0.0),
        (
            r#"llm_cost_usd_total{model="priced",route="none"}"#.into(),
            0.001_02,
        ),
        (
            r#"llm_cost_estimated_usd_total{model="priced",route="none"}"#.into(),
            0.0,
        ),
        (
            r#"llm_cost_unknown_total{model="priced",reason="price",route="none"}"#.into(),
            0.0,
        ),
        (
            r#"llm_attempts_total{model="priced",outcome="answered",route="none"}"#.into(),
            1.0,
        ),
    ] {
        let told = value(&telemetry, &series);
        assert_eq!(told, Some(expected), "{series}\n{}", telemetry.render());
    }
    let mut expected = Stats::default();
    expected.success = 1;
    expected.attempts = 1;
    expected.paid = Paid {
        known: "0.00102".parse::<Usd>().expect("a number"),
        unknown: 0,
    };
    assert_eq!(layer.stats(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_timed_to_its_last_token() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |_: Ask| async {
        sleep(Duration::from_millis(100)).await;
        let gap = Duration::from_millis(50);
        Ok::<_, Error>(Answer::stream(words(3, gap, usage(5, 3))))
    });
    let call = Call::new(Ask::of("priced").streamed());
    let mut answer = llm.call(call).await.expect("answers");
    assert_eq!(layer.stats().success, 0);
    assert_eq!(layer.stats().in_flight, 1);
    let chunks = answer.stream_mut().expect("streams");
    assert_eq!(chunks.by_ref().count().await, 4);
    assert_eq!(layer.stats().success, 1);

    let of = |name: &str, what: &str| {
        let series = format!("gen_ai_client_operation_{name}_seconds_{what}{{{CHAT},{MODEL}}}");
        let value = value(&telemetry, &series).expect("there is such a series");
        (value * 1e6).round() / 1e6
    };
    assert_eq!(of("duration", "sum"), 0.3);
    assert_eq!(of("time_to_first_chunk", "sum"), 0.15);
    assert_eq!(of("time_to_first_chunk", "count"), 1.0);
    assert_eq!(of("time_per_output_chunk", "sum"), 0.15);
    assert_eq!(of("time_per_output_chunk", "count"), 3.0);
    let tokens =
        format!("gen_ai_client_token_usage_sum{{{CHAT},{MODEL},gen_ai_token_type=\"output\"}}");
    assert_eq!(value(&telemetry, &tokens), Some(3.0));
}

#[tokio::test]
async fn a_reader_who_leaves_after_the_finish_reason_has_its_answer() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |_: Ask| async {
        let chunks = words(1, Duration::ZERO, usage(5, 1));
        Ok::<_, Error>(Answer::stream(chunks))
    });
    let mut answer = llm
        .call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let chunks = answer.stream_mut().expect("streams");
    chunks.next().await;
    let last: Token = chunks.next().await.expect("a chunk").expect("no error");
    assert!(last.finish.is_some());
    drop(answer);
    assert_eq!(layer.stats().success, 1);
    assert_eq!(layer.stats().calls(), 1);
}

#[tokio::test]
async fn a_stream_that_is_left_early_is_cancelled_and_one_that_breaks_is_an_error() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |ask: Ask| async move {
        let chunks = words(2, Duration::ZERO, usage(5, 2));
        let broken = futures_util::stream::iter([Err(error(ErrorKind::CutOff))]);
        Ok::<_, Error>(match ask.model.as_str() {
            "broken" => Answer::stream(broken),
            _ => Answer::stream(chunks),
        })
    });
    let mut left = llm
        .call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    left.stream_mut().expect("streams").next().await;
    drop(left);
    let mut broken = llm
        .call(Call::new(Ask::of("broken")))
        .await
        .expect("answers");
    let item = broken.stream_mut().expect("streams").next().await;
    assert!(item.expect("an item").is_err());
    drop(broken);
    let stats = layer.stats();
    assert_eq!((stats.cancelled, stats.error, stats.calls()), (1, 1, 2));
    let cancelled = format!(
        "gen_ai_client_operation_duration_seconds_count{{error_type=\"cancelled\",{CHAT},{MODEL}}}"
    );
    assert_eq!(
        value(&telemetry, &cancelled),
        Some(1.0),
        "{}",
        telemetry.render()
    );
}

#[tokio::test]
async fn failures_are_told_apart_by_their_kind() {
    let telemetry = telemetry();
    let layer = layer(&telemetry).route("cheap", "priced", "openai");
    let mut llm = stack!(layer, |ask: Ask| async move {
        Err::<Answer, _>(error(match ask.operation {
            Operation::Chat => ErrorKind::RateLimited,
            _ => ErrorKind::Timeout,
        }))
    });
    for operation in [Operation::Chat, Operation::Embeddings] {
        let mut ask = Ask::of("priced");
        ask.operation = operation;
        llm.call(Call::new(ask)).await.expect_err("fails");
    }
    let stats = layer.stats();
    assert_eq!((stats.error, stats.timeout, stats.calls()), (1, 1, 2));
    for (operation, outcome, kind) in [
        ("chat", "error", "rate_limited"),
        ("embeddings", "timeout", "timeout"),
    ] {
        let calls = format!("llm_calls_total{{operation=\"{operation}\",outcome=\"{outcome}\"}}");
        assert_eq!(value(&telemetry, &calls), Some(1.0), "{calls}");
        let duration = format!(
            "gen_ai_client_operation_duration_seconds_count{{error_type=\"{kind}\",gen_ai_operation_name=\
             \"{operation}\",gen_ai_provider_name=\"openai\",{MODEL}}}"
        );
        assert_eq!(value(&telemetry, &duration), Some(1.0), "{duration}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_cancelled_before_its_deadline_and_timed_out_from_then_on() {
    let layer = layer(&telemetry());
    let mut llm = stack!(
        layer,
        |_: Ask| std::future::pending::<Result<Answer, Error>>()
    );
    let limit = Duration::from_secs(1);
    for (late_by, cancelled, timeout) in [(-1, 1, 0), (0, 1, 1), (1, 1, 2)] {
        let deadline = Deadline::after(limit, Duration::ZERO);
        let call = Call::new(Ask::of("priced")).deadline(deadline);
        let mut call = task::spawn(llm.call(call));
        assert_pending!(call.poll());
        advance(Duration::from_millis((1_000 + late_by) as u64)).await;
        drop(call);
        let stats = layer.stats();
        assert_eq!((stats.cancelled, stats.timeout), (cancelled, timeout));
    }
}

#[tokio::test]
async fn what_a_cost_is_not_known_for_is_counted_by_reason_and_estimates_are_apart() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |ask: Ask| async move {
        Ok::<_, Error>(match ask.streams {
            true => Answer::stream(
                words(0, Duration::ZERO, usage(1_000, 0))
                    .chain(futures_util::stream::iter([Err(error(ErrorKind::CutOff))])),
            ),
            false if ask.model == "untold" => Answer::default(),
            false => Answer::whole(1, 1),
        })
    });
    for model in ["unpriced", "untold"] {
        llm.call(Call::new(Ask::of(model))).await.expect("answers");
    }
    let call = Call::new(Ask::of("priced").streamed());
    let mut cut = llm.call(call).await.expect("answers");
    cut.stream_mut().expect("streams").by_ref().count().await;

    for (series, expected) in [
        (
            r#"llm_cost_unknown_total{model="unpriced",reason="price",route="none"}"#,
            1.0,
        ),
        (
            r#"llm_cost_unknown_total{model="untold",reason="usage",route="none"}"#,
            1.0,
        ),
        (
            r#"llm_cost_unknown_total{model="priced",reason="cut",route="none"}"#,
            1.0,
        ),
        (r#"llm_cost_usd_total{model="priced",route="none"}"#, 0.0),
        (
            r#"llm_cost_estimated_usd_total{model="priced",route="none"}"#,
            0.001,
        ),
        (
            r#"llm_attempts_total{model="priced",outcome="failed",route="none"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(&telemetry, series), Some(expected), "{series}");
    }
    let stats = layer.stats();
    assert_eq!(stats.paid.unknown, 3);
    assert_eq!(stats.paid.known, Usd::ZERO);
    assert_eq!(stats.estimated, "0.001".parse::<Usd>().expect("a number"));
}

#[tokio::test]
async fn an_attempt_is_counted_after_its_caller_has_left() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let llm = stack!(layer, |_: Ask| async {
        Ok::<_, Error>(Answer::whole(2_000, 0))
    });
    let call = Call::new(Ask::of("priced"));
    // What a shared flight does: a journal of its own, and the same listeners.
    let mut attempts = llm.get_ref().clone();
    let mut caller = llm.clone();
    drop(caller.call(Call::new(Ask::of("priced"))));
    let fresh = {
        let mut llm = llm.clone();
        let context = call.context.clone();
        drop(llm.call(call));
        context.fresh(obs_core::Purpose::Refresh)
    };
    let ask = Call::with_context(Ask::of("priced"), fresh);
    attempts.call(ask).await.expect("answers");
    let stats = layer.stats();
    assert_eq!((stats.cancelled, stats.success), (2, 0));
    assert_eq!(stats.paid.known, "0.002".parse::<Usd>().expect("a number"));
}

#[tokio::test]
async fn announced_routes_have_series_from_the_start_and_providers_of_their_own() {
    let telemetry = telemetry();
    let layer = layer(&telemetry).route("cheap", "priced", "anthropic");
    let mut llm = stack!(layer, |_: Ask| async {
        Ok::<_, Error>(Answer::whole(7, 1))
    });
    let cost = r#"llm_cost_usd_total{model="priced",route="cheap"}"#;
    assert_eq!(value(&telemetry, cost), Some(0.0));
    let mut call = Call::new(Ask::of("priced"));
    call.context.route = Some("cheap".into());
    llm.call(call).await.expect("answers");
    let tokens = format!(
        "gen_ai_client_token_usage_sum{{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"anthropic\",{MODEL},\
         gen_ai_token_type=\"input\"}}"
    );
    assert_eq!(
        value(&telemetry, &tokens),
        Some(7.0),
        "{}",
        telemetry.render()
    );
    assert_eq!(value(&telemetry, cost), Some(0.000_009));
}

#[tokio::test]
async fn models_beyond_the_cap_are_other() {
    let telemetry = telemetry();
    let layer = layer(&telemetry).max_models(2);
    let mut llm = stack!(layer, |_: Ask| async {
        Ok::<_, Error>(Answer::whole(1, 1))
    });
    for model in ["a", "b", "c", "d", "a"] {
        llm.call(Call::new(Ask::of(model))).await.expect("answers");
    }
    let of = |name: &str| {
        let calls = format!(
            "gen_ai_client_operation_duration_seconds_count{{{CHAT},gen_ai_request_model=\"{name}\"}}"
        );
        let attempts =
            format!("llm_attempts_total{{model=\"{name}\",outcome=\"answered\",route=\"none\"}}");
        (value(&telemetry, &calls), value(&telemetry, &attempts))
    };
    assert_eq!(of("a"), (Some(2.0), Some(2.0)));
    assert_eq!(of("b"), (Some(1.0), Some(1.0)));
    assert_eq!(of("c"), (None, None));
    assert_eq!(of("other"), (Some(2.0), Some(2.0)));
}

#[tokio::test]
async fn names_that_no_model_has_answered_to_are_other() {
    let telemetry = telemetry();
    let layer = layer(&telemetry).route("cheap", "announced", "openai");
    let mut llm = stack!(layer, |ask: Ask| async move {
        match ask.model.as_str() {
            "real" => Ok(Answer::whole(1, 1)),
            _ => Err(error(ErrorKind::Caller)),
        }
    });
    for model in ["invented", "announced", "real", "made up"] {
        let _ = llm.call(Call::new(Ask::of(model))).await;
    }
    let of = |name: &str| {
        let calls = "gen_ai_client_operation_duration_seconds_count";
        let calls = telemetry
            .render()
            .lines()
            .filter(|line| line.starts_with(calls) && line.contains(&format!("\"{name}\"")))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>();
        let attempts = ["answered", "failed"].map(|outcome| {
            let of = format!(
                "llm_attempts_total{{model=\"{name}\",outcome=\"{outcome}\",route=\"none\"}}"
            );
            value(&telemetry, &of).unwrap_or_default()
        });
        (calls, attempts)
    };
    assert_eq!(of("real"), (1.0, [1.0, 0.0]));
    assert_eq!(of("announced"), (1.0, [0.0, 1.0]));
    assert_eq!(of("other"), (2.0, [0.0, 2.0]));
    let text = telemetry.render();
    assert!(
        !text.contains("invented") && !text.contains("made up"),
        "{text}"
    );
}

#[tokio::test]
async fn layers_of_one_telemetry_are_summed_and_have_stats_of_their_own() {
    let telemetry = telemetry();
    let (one, two) = (layer(&telemetry), layer(&telemetry));
    for layer in [&one, &two, &two] {
        let mut llm = stack!(layer, |_: Ask| async {
            Ok::<_, Error>(Answer::whole(1, 1))
        });
        llm.call(Call::new(Ask::of("priced")))
            .await
            .expect("answers");
    }
    assert_eq!((one.stats().success, two.stats().success), (1, 2));
    let calls = r#"llm_calls_total{operation="chat",outcome="success"}"#;
    assert_eq!(value(&telemetry, calls), Some(3.0));
    let text = telemetry.render();
    let lines = text.lines().filter(|line| line.starts_with(calls));
    assert_eq!(lines.count(), 1);
}

#[tokio::test]
async fn a_layer_shares_nothing_with_its_clones_while_it_is_set_up() {
    let telemetry = telemetry();
    let base = layer(&telemetry);
    let other = base.clone().max_models(5);
    let mut llm = stack!(base, |_: Ask| async { Ok::<_, Error>(Answer::whole(1, 1)) });
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    assert_eq!(base.clone().stats().success, 1);
    assert_eq!(other.stats().success, 0);
}

#[tokio::test]
async fn switched_off_it_counts_on_and_exports_nothing() {
    let telemetry = Telemetry::build(quiet().disabled());
    let layer = layer(&telemetry).wall_clock(|| unreachable!("no clock is read"));
    let mut llm = stack!(layer, |_: Ask| async {
        Ok::<_, Error>(Answer::whole(1_000, 0))
    });
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let stats = layer.stats();
    assert_eq!((stats.success, stats.attempts), (1, 1));
    assert_eq!(stats.paid.known, "0.001".parse::<Usd>().expect("a number"));
    assert_eq!(telemetry.render(), "");
}

#[test]
fn a_panic_of_what_is_inside_leaves_nothing_in_flight() {
    let layer = ApmLayer::new().telemetry(&telemetry());
    let inner = service_fn(
        |_: Call<Ask>| -> std::future::Ready<Result<Answer, Error>> { panic!("a broken service") },
    );
    let mut apm = tower_layer::Layer::layer(&layer, inner);
    let call = || drop(apm.call(Call::new(Ask::of("model"))));
    catch_unwind(AssertUnwindSafe(call)).expect_err("it goes on to the caller");
    let stats = layer.stats();
    assert_eq!((stats.cancelled, stats.in_flight), (1, 0));
}

#[tokio::test]
async fn absurd_names_and_figures_do_no_harm() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |_: Ask| async {
        let used = Usage {
            input: u64::MAX,
            output: u64::MAX,
            ..Usage::default()
        };
        Ok::<_, Error>(Answer {
            usage: Some(used),
            ..Answer::default()
        })
    });
    for model in ["", "\"\n\\", &"x".repeat(1 << 20), "priced"] {
        llm.call(Call::new(Ask::of(model))).await.expect("answers");
    }
    assert_eq!(layer.stats().success, 4);
    let text = telemetry.render();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    assert!(text.contains(r#"model="\"\n\\""#), "{text}");
}

#[tokio::test]
async fn however_many_models_and_routes_there_are_the_series_are_bounded_and_no_attempt_is_lost() {
    let telemetry = telemetry();
    let layer = layer(&telemetry);
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .map_request(|mut call: Call<Ask>| {
            let (model, route) = call.request.model.split_once('@').expect("both are in it");
            call.context.route = Some(route.into());
            call.request.model = model.to_owned();
            call
        })
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|_: Ask| async {
            Ok::<_, Error>(Answer::whole(1, 1))
        }));
    for model in 0..150 {
        for route in 0..20 {
            let ask = Ask::of(&format!("model-{model}@route-{route}"));
            llm.call(Call::new(ask)).await.expect("answers");
        }
    }
    let text = telemetry.render();
    assert!(!text.contains("otel_metric_overflow"), "the SDK has cut it");
    let attempts = text
        .lines()
        .filter(|line| line.starts_with("llm_attempts_total{"));
    let values = attempts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    let values: Vec<_> = values.collect();
    assert_eq!(values.iter().sum::<u64>(), 3_000);
    // Four outcomes each.
    assert!(values.len() <= 4 * 401, "{} series", values.len());
    assert!(
        text.lines().count() < 8_000,
        "{} lines",
        text.lines().count()
    );
}

/// A changed name breaks dashboards.
#[tokio::test]
async fn the_names_and_types_of_metrics_are_these() {
    let telemetry = Telemetry::build(Config::new().variables(|_| None).no_listener().no_console());
    let layer = layer(&telemetry);
    let mut llm = stack!(layer, |_: Ask| async {
        Ok::<_, Error>(Answer::stream(words(2, Duration::ZERO, usage(1, 1))))
    });
    let service = llm.ready().await.expect("is ready");
    let mut answer = service
        .call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    answer.stream_mut().expect("streams").by_ref().count().await;
    let text = telemetry.render();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    assert_eq!(
        types.collect::<Vec<_>>(),
        [
            "gen_ai_client_operation_duration_seconds histogram",
            "gen_ai_client_operation_time_per_output_chunk_seconds histogram",
            "gen_ai_client_operation_time_to_first_chunk_seconds histogram",
            "gen_ai_client_token_usage histogram",
            "llm_attempts_total counter",
            "llm_calls_in_flight gauge",
            "llm_calls_total counter",
            "llm_cost_estimated_usd_total counter",
            "llm_cost_unknown_total counter",
            "llm_cost_usd_total counter",
            "obs_build_info gauge",
            "obs_export_pushes_total counter",
            "obs_export_queue_spans gauge",
            "obs_export_spans_total counter",
        ]
    );
    assert!(!text.contains("otel_scope"), "{text}");
    assert!(!text.contains("target_info"), "{text}");
}
