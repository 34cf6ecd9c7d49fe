//! async-openai as it is used everywhere, with the layers under it: asked twice, the provider is asked once.
//!
//! ```text
//! OPENAI_API_KEY=sk-... OPENAI_BASE_URL=http://127.0.0.1:8080/v1 cargo run -p async-openai-layers
//! ```
use std::{env, time::Duration};

use async_openai::{Client, config::OpenAIConfig, types::chat::*};
use obs_cache::{CacheLayer, Memory};
use obs_core::{AttemptLayer, BoxError, PriceTable};
use obs_http::{Endpoint, Outbound};
use obs_openai::{ChatRequest, Upstream};
use obs_router::{Complexity, Route, RouterLayer};
use obs_timeout::TimeoutLayer;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // What reqwest encrypts with, where no feature of it has chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = env::var("OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1".into());
    let routes = ["cheap", "premium"].map(|model| Route::new(model).model(model));
    let chat = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(60)).grace(Duration::from_secs(5)))
        .layer(CacheLayer::new(Memory::new(64 << 20)))
        .layer(RouterLayer::new(Complexity::default(), routes))
        .layer(AttemptLayer::new(PriceTable::bundled()).enveloped())
        .service(Upstream::builder(&*url).build()?);
    let endpoint = Endpoint::<ChatRequest, _>::new(chat);
    let outbound = Outbound::new(reqwest::Client::new())
        .base_url(&url.parse()?)
        .through(endpoint);
    let client = Client::with_config(OpenAIConfig::default()).with_http_service(outbound);

    let question = ChatCompletionRequestUserMessage::from("What is the capital of Peru?");
    let mut request = CreateChatCompletionRequestArgs::default();
    let request = request.model("auto").messages([question.into()]).build()?;
    for _ in 0..2 {
        let answer = client.chat().create(request.clone()).await?;
        println!("{}: {:?}", answer.model, answer.choices[0].message.content);
    }
    Ok(())
}
