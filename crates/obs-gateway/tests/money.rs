//! Budgets, sticky conversations, splits by weight, judges, comparisons and explanations, as callers meet them.
mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{
    Provider, Running, Then, ask, ask_stream, completion, from_file, header, json_answer, says,
    serve, settings, start, streams,
};
use obs_gateway::{
    Gateway,
    settings::{Environment, Sources, load},
};
use serde_json::{Value, json};

const EASY: &str = "What is the capital of Peru?";
const HARD: &str = "Tom has 5 apples and buys 3 more, then gives 2 away. How many apples are left?";

/// Two routes of one provider, a dollar and ten a million tokens; all its answers have 2,000.
async fn gateway(more: &str, then: impl IntoIterator<Item = Then>) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let price = |dollars| format!("price = {{ input = \"{dollars}\", output = \"{dollars}\" }}");
    let settings = format!(
        "{more}\n[cache]\nstore = \"off\"\n\
         [[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n\
         [[routes]]\nname = \"cheap\"\nmodel = \"small\"\nweight = 1\n{}\n\
         [[routes]]\nname = \"premium\"\nmodel = \"large\"\nweight = 3\n{}\n",
        price(1),
        price(10),
    );
    // With a clock that stands still, so that no window ends in the middle of a test.
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(1_800_000_030);
    let gateway = Gateway::builder(from_file(&settings, &[])).wall_clock(move || now);
    (serve(gateway.build().unwrap()).await, provider)
}

/// The route that a question takes, for this session.
async fn route(gateway: &Running, text: &str, session: Option<&str>) -> String {
    let request = gateway.chat(&ask("auto", text));
    let request = match session {
        Some(session) => request.header("x-obs-session", session),
        None => request,
    };
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    header(&response, "x-obs-route").unwrap().to_owned()
}

fn ten() -> impl Iterator<Item = Then> {
    (0..10).map(|_| says("large", "Lima."))
}

#[tokio::test]
async fn as_a_budget_runs_out_auto_becomes_cheap_and_nobody_is_refused() {
    // Two hard questions, at $0.02 each.
    let more = "[budget]\nusd_per_hour = \"0.04\"\ndegrade_from = 0";
    let (gateway, _) = gateway(more, ten()).await;
    for expected in ["premium", "premium", "cheap", "cheap"] {
        assert_eq!(route(&gateway, HARD, None).await, expected);
    }
}

#[tokio::test]
async fn calls_by_name_pay_too_and_go_where_they_want() {
    let more = "[budget]\nusd_per_day = \"0.02\"\ndegrade_from = 0";
    let (gateway, _) = gateway(more, ten()).await;
    for _ in 0..2 {
        let response = gateway.chat(&ask("premium", HARD)).send().await.unwrap();
        assert_eq!(header(&response, "x-obs-route"), Some("premium"));
    }
    assert_eq!(route(&gateway, HARD, None).await, "cheap");
}

#[tokio::test]
async fn each_tenant_has_a_budget_of_its_own() {
    let more =
        "[server]\ntenant = \"header\"\n[budget]\ntenant_usd_per_hour = \"0.02\"\ndegrade_from = 0";
    let (gateway, _) = gateway(more, ten()).await;
    let of = async |tenant: &str| {
        let request = gateway
            .chat(&ask("auto", HARD))
            .header("x-obs-tenant", tenant);
        let response = request.send().await.unwrap();
        header(&response, "x-obs-route").unwrap().to_owned()
    };
    assert_eq!(of("a").await, "premium");
    assert_eq!(of("a").await, "cheap");
    assert_eq!(of("b").await, "premium");
}

#[tokio::test]
async fn a_conversation_stays_where_its_prompt_is_cached() {
    let cached = |cached: u64| {
        let mut body = completion("large", "Lima.");
        body["usage"] = json!({
            "prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000,
            "prompt_tokens_details": {"cached_tokens": cached},
        });
        json_answer(200, &body)
    };
    // No price of cached tokens is told, so they cost as much as others: with them the premium route is never worth it.
    let (gateway, _) = gateway("", [cached(1000), cached(1000)]).await;
    assert_eq!(route(&gateway, HARD, Some("s")).await, "premium");
    assert_eq!(route(&gateway, EASY, Some("s")).await, "cheap");

    let settings = |sticky: bool, address| {
        format!(
            "[router]\nsticky = {sticky}\n[cache]\nstore = \"off\"\n\
             [[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n\
             [[routes]]\nname = \"cheap\"\nmodel = \"small\"\nprice = {{ input = \"1\", output = \"1\" }}\n\
             [[routes]]\nname = \"premium\"\nmodel = \"large\"\n\
             price = {{ input = \"10\", cached_input = \"0.5\", output = \"10\" }}\n"
        )
    };
    for (sticky, expected) in [(true, "premium"), (false, "cheap")] {
        let (_, address) = Provider::start([cached(1000), cached(1000)]).await;
        let gateway = start(from_file(&settings(sticky, address), &[])).await;
        assert_eq!(route(&gateway, HARD, Some("s")).await, "premium");
        assert_eq!(route(&gateway, EASY, Some("s")).await, expected);
    }
}

#[tokio::test]
async fn weights_split_conversations() {
    let more = "[router]\npolicy = \"weighted\"\nsticky = false";
    let then = (0..60).map(|_| says("m", "Lima."));
    let (gateway, _) = gateway(more, then).await;
    let mut premium = 0;
    for n in 0..30 {
        let session = format!("session {n}");
        let first = route(&gateway, EASY, Some(&session)).await;
        assert_eq!(route(&gateway, HARD, Some(&session)).await, first);
        premium += usize::from(first == "premium");
    }
    assert!((15..30).contains(&premium), "{premium}");
}

#[tokio::test]
async fn a_judge_sends_bad_answers_of_the_cheap_route_on_and_both_are_paid() {
    let more = "[router]\ncascade = \"refusal,json\"";
    let then = [
        says("small", "I'm sorry, but I can't."),
        says("large", "{\"capital\": \"Lima\"}"),
        streams("small", &["{\"capital\"", ": \"Lima\"}"]),
        says("small", "Lima."),
    ];
    let (gateway, provider) = gateway(more, then).await;
    let response = gateway.chat(&ask("auto", EASY)).send().await.unwrap();
    assert_eq!(header(&response, "x-obs-route"), Some("premium"));
    assert_eq!(header(&response, "x-obs-cost-usd"), Some("0.022"));
    let streamed = gateway
        .chat(&ask_stream("auto", EASY))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&streamed, "x-obs-route"), Some("cheap"));
    assert!(streamed.text().await.unwrap().contains("Lima"));
    // Who names a route has its answer as it is.
    let named = gateway.chat(&ask("cheap", EASY)).send().await.unwrap();
    assert_eq!(header(&named, "x-obs-route"), Some("cheap"));
    assert_eq!(provider.seen().len(), 4);
}

#[tokio::test]
async fn a_second_answer_that_differs_speaks_against_the_first() {
    let more = "[router]\ncascade = \"consistency\"";
    let then = [
        says("small", "Lima."),
        says("small", "It is Quito, I think."),
        says("large", "Lima."),
    ];
    let (gateway, provider) = gateway(more, then).await;
    assert_eq!(route(&gateway, EASY, None).await, "premium");
    let models = provider.seen().into_iter().map(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        body["model"].as_str().unwrap().to_owned()
    });
    assert_eq!(models.collect::<Vec<_>>(), ["small", "small", "large"]);
}

#[tokio::test]
async fn comparisons_ask_both_routes_and_the_answer_is_the_callers_own() {
    let more = "[router]\nshadow_share = 1\n[budget]\nshadow_usd_per_day = \"0.02\"";
    let (gateway, provider) = gateway(more, ten()).await;
    let response = gateway.chat(&ask("auto", EASY)).send().await.unwrap();
    assert_eq!(header(&response, "x-obs-route"), Some("cheap"));
    assert_eq!(header(&response, "x-obs-cost-usd"), Some("0.002"));
    let compared = async {
        while provider.seen().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let compared = tokio::time::timeout(common::SOON, compared).await;
    compared.expect("both routes are asked in the background");
    let mut gateway = gateway;
    gateway.stop();
    assert!(gateway.stopped().await, "they are waited for");
}

#[tokio::test]
async fn a_decision_is_explained_to_who_asks() {
    let gateway = start(settings(&[])).await;
    let explain = async |model: &str, value: &str| {
        let request = gateway
            .chat(&ask(model, HARD))
            .header("x-obs-explain", value);
        request.send().await.unwrap()
    };
    let response = explain("auto", "1").await;
    let told = header(&response, "x-obs-explain").expect("an explanation");
    assert!(told.len() <= 1024 && !told.contains("apples"), "{told}");
    let told: Value = serde_json::from_str(told).expect("JSON");
    assert_eq!(told["policy"], "complexity");
    assert!(told["score"].as_f64().unwrap() > 0.5);
    assert!(told["parts"][0]["added"].as_f64().unwrap() > 0.0);
    for (model, value) in [("auto", "0"), ("cheap", "1")] {
        let response = explain(model, value).await;
        assert_eq!(header(&response, "x-obs-explain"), None, "{model} {value}");
    }
    assert_eq!(explain("auto", "yes").await.status(), 400);
    let mut body = ask("auto", HARD);
    body["stream"] = true.into();
    let streamed = gateway.chat(&body).header("x-obs-explain", "1").send();
    assert!(header(&streamed.await.unwrap(), "x-obs-explain").is_some());
}

#[test]
fn bad_judges_and_amounts_are_refused_with_what_would_be_right() {
    for (variable, value, expected) in [
        (
            "OBS_ROUTER_CASCADE",
            "refusal,truth",
            "refusal, cut, json, schema, margin:0.7",
        ),
        ("OBS_BUDGET_USD_PER_HOUR", "0", "dollars above zero"),
        ("OBS_BUDGET_DEGRADE_FROM", "2", "from 0 to 1"),
        ("OBS_ROUTER_POLICY", "luck", "weighted"),
    ] {
        let sources = Sources {
            environment: [(variable, value)].into_iter().collect::<Environment>(),
            ..Sources::default()
        };
        let problems = load(&sources).unwrap_err().to_string();
        assert!(
            problems.contains(variable) && problems.contains(expected),
            "{problems}"
        );
    }
}

#[tokio::test]
async fn what_was_spent_stays_spent_while_other_settings_change() {
    let (provider, address) = Provider::start(ten()).await;
    let file = |more: &str| {
        let text = format!(
            "[budget]\nusd_per_hour = \"0.02\"\ndegrade_from = 0\n[cache]\nstore = \"memory\"\n{more}\n\
             [[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n\
             [[routes]]\nname = \"cheap\"\nmodel = \"small\"\nprice = {{ input = \"1\", output = \"1\" }}\n\
             [[routes]]\nname = \"premium\"\nmodel = \"large\"\nprice = {{ input = \"10\", output = \"10\" }}\n"
        );
        from_file(&text, &[])
    };
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(1_800_000_030);
    let gateway = Gateway::builder(file("")).wall_clock(move || now);
    let gateway = serve(gateway.build().unwrap()).await;
    assert_eq!(route(&gateway, HARD, None).await, "premium");
    gateway
        .gateway
        .reload(file("max_bytes = \"1MiB\""))
        .unwrap();
    let other = HARD.replace("Tom", "Tim");
    assert_eq!(route(&gateway, &other, None).await, "cheap");
    drop(provider);
}

#[test]
fn whose_credentials_pay_for_comparisons_is_warned_of() {
    let warnings = |share: &str, key: &str| {
        let text = format!(
            "[router]\nshadow_share = {share}\n\
             [[providers]]\nname = \"p\"\nbase_url = \"http://127.0.0.1:1/v1\"\n{key}\n\
             [[routes]]\nname = \"cheap\"\nmodel = \"small\"\n[[routes]]\nname = \"premium\"\nmodel = \"large\"\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            environment: Environment::from_iter([("P_KEY", "sk-of-the-operator")]),
            flags: Vec::new(),
        };
        load(&sources).unwrap().warnings.join("\n")
    };
    let told = warnings("0.1", "");
    assert!(
        told.contains("router.shadow_share") && told.contains("\"p\""),
        "{told}"
    );
    assert!(!warnings("0.1", "api_key_env = \"P_KEY\"").contains("shadow_share"));
    assert!(!warnings("0.0", "").contains("shadow_share"));
}
