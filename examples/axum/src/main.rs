//! An axum application that serves a stack of layers: OpenAI's chat completions as a whole, and a handler of its own.
//!
//! ```text
//! OPENAI_API_KEY=sk-... cargo run -p axum-layers
//! curl http://127.0.0.1:3000/v1/chat/completions -H 'content-type: application/json' \
//!   -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}'
//! curl http://127.0.0.1:3000/ask -d 'What is the capital of Peru?'
//! ```
use std::{env, time::Duration};

use axum::{
    Router,
    extract::State,
    routing::{any_service, post},
};
use obs_cache::{CacheLayer, Memory};
use obs_core::{AttemptLayer, BoxError, Call, Error, LlmResponse, PriceTable};
use obs_http::{Circumstances, Endpoint, Failure};
use obs_openai::{Chat, ChatRequest, ChatResponse, Upstream};
use obs_timeout::TimeoutLayer;
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

type Llm = BoxCloneSyncService<Call<ChatRequest>, ChatResponse, Error>;

/// Who asks, and until when, comes from the headers; the question is the body.
async fn ask(
    State(llm): State<Llm>,
    Circumstances(context): Circumstances,
    question: String,
) -> Result<String, Failure<Chat>> {
    let request = ChatRequest::new("gpt-4o-mini").user(&question);
    let answer = llm.oneshot(Call::with_context(request, context)).await?;
    let mut text = String::new();
    answer.visit_text(&mut |piece| text.push_str(piece));
    Ok(text)
}

fn app(upstream: Upstream) -> Router {
    let llm = BoxCloneSyncService::new(
        ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(60)).grace(Duration::from_secs(5)))
            .layer(CacheLayer::new(Memory::new(64 << 20)))
            .layer(AttemptLayer::new(PriceTable::bundled()).enveloped())
            .service(upstream),
    );
    let chat = Endpoint::<ChatRequest, _>::new(llm.clone());
    Router::new()
        .route("/v1/chat/completions", any_service(chat))
        .route("/ask", post(ask))
        .with_state(llm)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = env::var("OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1".into());
    let upstream = Upstream::builder(url).api_key(env::var("OPENAI_API_KEY")?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app(upstream.build()?)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(app: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn both_ways_lead_to_the_same_answer() {
        let answer = async || {
            let json = [("content-type", "application/json")];
            let answer = r#"{"id":"1","model":"m","choices":[{"index":0,"finish_reason":"stop",
                "message":{"role":"assistant","content":"Lima"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
            (json, answer)
        };
        let provider = serve(Router::new().route("/v1/chat/completions", post(answer))).await;
        let upstream = Upstream::builder(format!("{provider}/v1")).build();
        let url = serve(app(upstream.expect("a URL"))).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let asked = client
            .post(format!("{url}/ask"))
            .body("Where?")
            .send()
            .await;
        let text = asked.expect("answers").text().await.expect("text");
        assert_eq!(text, "Lima");
        let body = ChatRequest::new("gpt-4o-mini").user("Where?").to_bytes();
        let asked = client
            .post(format!("{url}/v1/chat/completions"))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .expect("answers");
        assert_eq!(asked.headers()["x-obs-cache"], "hit");
    }
}
