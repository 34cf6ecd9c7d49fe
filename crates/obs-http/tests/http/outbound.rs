//! Under a bare reqwest.
use std::time::Duration;

use obs_http::{Endpoint, Outbound};
use obs_openai::ChatRequest;
use reqwest::{Request, Response};
use tower::Service;

use crate::common::{LIMIT, Provider, client, header, question, stack};

async fn outbound() -> (Provider, String, Outbound) {
    let (provider, url) = Provider::start().await;
    let endpoint = Endpoint::<ChatRequest, _>::new(stack(&url, LIMIT));
    let outbound = Outbound::new(client()).through(endpoint);
    (provider, url, outbound)
}

fn chat(url: &str, body: impl Into<reqwest::Body>) -> Request {
    let request = client().post(format!("{url}/chat/completions"));
    let request = request.header("content-type", "application/json");
    request
        .bearer_auth("key")
        .body(body)
        .build()
        .expect("a request")
}

async fn text(response: Response) -> String {
    response.text().await.expect("a body")
}

#[tokio::test]
async fn what_has_an_endpoint_goes_through_its_stack() {
    let (provider, url, mut outbound) = outbound().await;
    let request = chat(&url, question("m", false));
    let asked = request.url().clone();
    let first = outbound.execute(request).await.expect("answers");
    assert_eq!(first.url(), &asked);
    assert_eq!(header(&first, "x-obs-cache"), Some("miss"));
    assert!(text(first).await.contains("answer 1 for Bearer key"));
    let request = chat(&url, question("m", true));
    let second = outbound.call(request).await.expect("answers");
    assert_eq!(header(&second, "x-obs-cache"), Some("hit"));
    assert!(text(second).await.ends_with("data: [DONE]\n\n"));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn what_has_none_goes_to_the_client_as_it_is() {
    let (provider, url, outbound) = outbound().await;
    let models = client().get(format!("{url}/models")).build();
    let answer = outbound.execute(models.expect("a request")).await;
    assert!(text(answer.expect("answers")).await.contains("list"));
    for _ in 0..2 {
        let pieces = [Ok::<_, std::io::Error>(question("m", false))];
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let answer = outbound.execute(chat(&url, body)).await.expect("answers");
        assert_eq!(header(&answer, "x-obs-cache"), None, "a stream is not read");
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_path_is_known_after_its_base_and_not_by_its_end() {
    let (provider, url, outbound) = outbound().await;
    let host = url.strip_suffix("/v1").expect("a base");
    let through = async |outbound: &Outbound, base: &str| {
        let answer = outbound.execute(chat(base, question("m", false))).await;
        header(&answer.expect("answers"), "x-obs-cache").is_some()
    };
    assert!(through(&outbound, &url).await);
    for base in [
        host.to_owned(),
        format!("{url}/threads/t"),
        format!("{host}/api/v1"),
        format!("{host}/x/v1"),
    ] {
        assert!(!through(&outbound, &base).await, "{base}");
    }
    let base = format!("{host}/api/v1/");
    let outbound = outbound.base_url(&base.parse().expect("a URL"));
    assert!(through(&outbound, &format!("{host}/api/v1")).await);
    assert!(!through(&outbound, &url).await);
    assert_eq!(
        provider.asked(),
        2,
        "the other paths are not there, or asked past the stack"
    );
}

#[tokio::test]
async fn the_timeout_of_a_request_is_a_deadline() {
    let (provider, url, outbound) = outbound().await;
    let mut request = chat(&url, question("hangs", false));
    *request.timeout_mut() = Some(Duration::from_millis(50));
    let answer = outbound.execute(request).await.expect("answers");
    assert_eq!(answer.status(), 504);
    provider.dropped().await;
}

#[tokio::test]
async fn dropping_the_future_ends_the_call() {
    let (provider, url, outbound) = outbound().await;
    let call = outbound.execute(chat(&url, question("hangs", false)));
    let mut call = Box::pin(call);
    while provider.asked() == 0 {
        let soon = tokio::time::timeout(Duration::from_millis(5), &mut call).await;
        assert!(soon.is_err(), "it hangs");
    }
    drop(call);
    provider.dropped().await;
}
