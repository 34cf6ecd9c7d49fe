//! `Endpoint` mounted in axum.
use axum::Router;
use futures_util::StreamExt;
use obs_http::{Endpoint, Tenant, TenantBy};
use obs_openai::ChatRequest;
use serde_json::Value;

use crate::common::{LIMIT, Provider, Stack, client, header, question, serve, stack};

type Chats = Endpoint<ChatRequest, Stack>;

async fn served(endpoint: Chats) -> String {
    let app = Router::new().route_service("/v1/chat/completions", endpoint);
    format!("http://{}/v1/chat/completions", serve(app).await)
}

async fn post(url: &str, key: &str, body: String) -> reqwest::Response {
    let request = client().post(url).bearer_auth(key).body(body);
    let request = request.header("content-type", "application/json");
    request.send().await.expect("answers")
}

#[tokio::test]
async fn the_second_answer_comes_from_the_cache_and_says_what_it_saved() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    let first = post(&url, "a", question("gpt-4o-mini", false)).await;
    assert_eq!(header(&first, "x-obs-cache"), Some("miss"));
    assert_eq!(header(&first, "content-type"), Some("application/json"));
    let paid = header(&first, "x-obs-cost-usd").map(str::to_owned);
    assert!(paid.is_some());
    let first = first.bytes().await.expect("a body");
    let second = post(&url, "a", question("gpt-4o-mini", false)).await;
    assert_eq!(header(&second, "x-obs-cache"), Some("hit"));
    assert_eq!(header(&second, "x-obs-saved-usd"), paid.as_deref());
    assert!(header(&second, "age").is_some());
    assert_eq!(second.bytes().await.expect("a body"), first);
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn callers_are_kept_apart_by_their_credentials() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    for (key, asked) in [("a", 1), ("b", 2), ("a", 2)] {
        let answer = post(&url, key, question("m", false)).await;
        let answer: Value = answer.json().await.expect("JSON");
        let text = answer["choices"][0]["message"]["content"].as_str();
        assert!(text.is_some_and(|text| text.ends_with(&format!("for Bearer {key}"))));
        assert_eq!(provider.asked(), asked);
    }
}

#[tokio::test]
async fn what_the_application_knows_of_its_tenants_stands_over_headers() {
    let (provider, upstream) = Provider::start().await;
    let endpoint: Chats = Endpoint::new(stack(&upstream, LIMIT)).tenants(TenantBy::Shared);
    let app = Router::new()
        .route_service("/v1/chat/completions", endpoint)
        .layer(axum::middleware::from_fn(
            async |mut request: axum::extract::Request, next: axum::middleware::Next| {
                let plan = request.headers().get("x-plan").cloned();
                let plan = plan.and_then(|plan| plan.to_str().map(str::to_owned).ok());
                request
                    .extensions_mut()
                    .insert(Tenant(plan.unwrap_or_default().into()));
                next.run(request).await
            },
        ));
    let url = format!("http://{}/v1/chat/completions", serve(app).await);
    for (plan, asked) in [("gold", 1), ("silver", 2), ("gold", 2)] {
        let request = client().post(&url).header("x-plan", plan);
        let request = request.header("content-type", "application/json");
        let answer = request.body(question("m", false)).send().await;
        assert_eq!(answer.expect("answers").status(), 200);
        assert_eq!(provider.asked(), asked, "{plan}");
    }
}

#[tokio::test]
async fn a_stream_comes_as_events_and_is_replayed_byte_for_byte() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    let first = post(&url, "a", question("m", true)).await;
    let kind = header(&first, "content-type").map(str::to_owned);
    assert_eq!(kind.as_deref(), Some("text/event-stream; charset=utf-8"));
    assert_eq!(header(&first, "x-obs-cost-usd"), None, "not known yet");
    let first = first.text().await.expect("a body");
    assert!(first.ends_with("data: [DONE]\n\n"), "{first}");
    assert!(!first.contains("prompt_tokens"), "nobody asked for usage");
    let second = post(&url, "a", question("m", true)).await;
    assert_eq!(header(&second, "x-obs-cache"), Some("hit"));
    assert_eq!(second.text().await.expect("a body"), first);
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn who_leaves_ends_the_call_up_to_the_provider() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    let answer = post(&url, "a", question("endless", true)).await;
    let mut events = answer.bytes_stream();
    events.next().await.expect("an event").expect("is read");
    drop(events);
    provider.dropped().await;
}

#[tokio::test]
async fn what_cannot_be_a_request_is_refused_in_the_shape_of_the_format() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT)).max_body(200)).await;
    let ask = |header: (&'static str, &'static str), body: String| {
        let request = client().post(&url).header(header.0, header.1).body(body);
        async move {
            let answer = request.send().await.expect("answers");
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("an error object");
            (status, body["error"]["message"].to_string())
        }
    };
    let json = ("content-type", "application/json");
    for (header, body, expected) in [
        (json, "{}".to_owned(), (400, "model")),
        (
            json,
            format!("{{\"model\":\"{}\"}}", "m".repeat(300)),
            (413, "larger than 200 bytes"),
        ),
        (
            ("accept", "*/*"),
            question("m", false),
            (415, "content-type"),
        ),
    ] {
        let (status, message) = ask(header, body).await;
        let (of, expected) = expected;
        assert_eq!(status, of);
        assert!(message.contains(expected), "{message}");
    }
    let request = client()
        .post(&url)
        .header("content-type", "application/json");
    let request = request.header("x-obs-deadline-ms", "soon");
    let answer = request.body(question("m", false)).send().await;
    assert_eq!(answer.expect("answers").status(), 400);
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn a_providers_error_keeps_its_status_and_body() {
    let (_provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    let answer = post(&url, "a", question("busy", false)).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(header(&answer, "retry-after"), Some("7"));
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn the_callers_deadline_holds() {
    let (provider, upstream) = Provider::start().await;
    let url = served(Endpoint::new(stack(&upstream, LIMIT))).await;
    let request = client()
        .post(&url)
        .header("content-type", "application/json");
    let request = request.header("x-obs-deadline-ms", "50");
    let answer = request.body(question("hangs", false)).send().await;
    assert_eq!(answer.expect("answers").status(), 504);
    provider.dropped().await;
}
