//! Under the crate async-openai, with its own types and its own errors.
use std::time::Duration;

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest,
        CreateChatCompletionRequestArgs,
    },
};
use futures_util::StreamExt;
use obs_http::{Endpoint, Outbound};
use obs_openai::ChatRequest;

use crate::common::{LIMIT, Provider, client, stack};

async fn asking(limit: Duration) -> (Provider, Client<OpenAIConfig>) {
    let (provider, url) = Provider::start().await;
    let endpoint = Endpoint::<ChatRequest, _>::new(stack(&url, limit));
    let outbound = Outbound::new(client()).through(endpoint);
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("key");
    (
        provider,
        Client::with_config(config).with_http_service(outbound),
    )
}

fn question(model: &str) -> CreateChatCompletionRequest {
    let message = ChatCompletionRequestUserMessageArgs::default()
        .content("what is it?")
        .build();
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages([message.expect("a message").into()])
        .build()
        .expect("a request")
}

#[tokio::test]
async fn plain_and_streamed_calls_share_what_was_answered_once() {
    let (provider, client) = asking(LIMIT).await;
    for _ in 0..2 {
        let answer = client.chat().create(question("m")).await.expect("answers");
        let text = answer.choices[0].message.content.as_deref();
        assert_eq!(text, Some("answer 1 for Bearer key"));
        assert_eq!(answer.usage.map(|usage| usage.total_tokens), Some(15));
    }
    let stream = client.chat().create_stream(question("m")).await;
    let mut stream = stream.expect("answers");
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("a chunk");
        text.extend(
            chunk
                .choices
                .into_iter()
                .filter_map(|choice| choice.delta.content),
        );
    }
    assert_eq!(text, "answer 1 for Bearer key");
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_stream_that_was_recorded_is_an_answer_too() {
    let (provider, client) = asking(LIMIT).await;
    let stream = client.chat().create_stream(question("m")).await;
    let chunks = stream.expect("answers").count().await;
    assert!(chunks > 3, "{chunks}");
    let answer = client.chat().create(question("m")).await.expect("answers");
    let text = answer.choices[0].message.content.as_deref();
    assert_eq!(text, Some("answer 1 for Bearer key"));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn errors_of_the_provider_are_the_clients_own() {
    let (provider, client) = asking(LIMIT).await;
    let error = client.chat().create(question("busy")).await;
    let OpenAIError::ApiError(error) = error.expect_err("is refused") else {
        panic!("another kind of error");
    };
    assert_eq!(error.status_code, 429);
    assert_eq!(error.api_error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(error.api_error.message, "slow down");
    assert_eq!(provider.asked(), 1, "retries are for the layers to make");
}

#[tokio::test]
async fn errors_of_the_layers_are_typed_too() {
    let (provider, client) = asking(Duration::from_millis(50)).await;
    let error = client.chat().create(question("hangs")).await;
    let OpenAIError::ApiError(error) = error.expect_err("takes too long") else {
        panic!("another kind of error");
    };
    assert_eq!(error.status_code, 504);
    // The crate reads no object of a 5xx, and has its text as the message.
    let message = &error.api_error.message;
    assert!(message.contains("timeout_error"), "{message}");
    provider.dropped().await;
}

#[tokio::test]
async fn dropping_a_stream_ends_the_call() {
    let (provider, client) = asking(LIMIT).await;
    let stream = client.chat().create_stream(question("endless")).await;
    let mut stream = stream.expect("answers");
    stream.next().await.expect("a chunk").expect("is read");
    drop(stream);
    provider.dropped().await;
}
