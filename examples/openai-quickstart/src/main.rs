//! The layers around any OpenAI-compatible provider: a streamed answer, asked for twice.
//!
//! ```text
//! OPENAI_API_KEY=sk-… cargo run -p openai-quickstart
//! OPENAI_BASE_URL=http://127.0.0.1:8080/v1 MODELS=cheap,premium cargo run -p openai-quickstart "What is new?"
//! ```
//!
//! Asked to say hello, of a small model of one's own that is served under the default names, it prints:
//!
//! ```text
//! Namaste. I am your personal guide today.
//!   miss  paid $0.00000642  saved $0.00012198
//! Namaste. I am your personal guide today.
//!   hit  paid $0  saved $0.00000642
//! ```
use std::{env, io::Write, time::Duration};

use futures_util::StreamExt;
use obs_cache::{CacheLayer, Memory};
use obs_core::{AttemptLayer, BoxError, Call, LlmChunk, LlmResponse, PriceTable, Usd};
use obs_openai::{ChatRequest, Upstream};
use obs_router::{Complexity, Route, RouterLayer};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tower::{ServiceBuilder, ServiceExt};

const UNSET: &str = "set OPENAI_API_KEY to a key of OpenAI's, or OPENAI_BASE_URL to a server that is compatible, \
    such as http://127.0.0.1:8080/v1";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let (key, url) = (set("OPENAI_API_KEY"), set("OPENAI_BASE_URL"));
    if key.is_none() && url.is_none() {
        eprintln!("{UNSET}");
        std::process::exit(2);
    }
    let mut upstream = Upstream::builder(url.unwrap_or("https://api.openai.com/v1".into()));
    if let Some(key) = key {
        upstream = upstream.api_key(key);
    }
    let models = set("MODELS").unwrap_or("gpt-6-luna,gpt-6-sol".into());
    let (cheap, premium) = models
        .split_once(',')
        .ok_or("MODELS is not two names, such as small,large")?;
    let routes = [
        Route::new("cheap").model(cheap),
        Route::new("premium").model(premium),
    ];
    let limits = AttemptTimeoutLayer::new()
        .first_token(Duration::from_secs(30))
        .idle(Duration::from_secs(20));
    let llm = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(120)).grace(Duration::from_secs(5)))
        .layer(CacheLayer::new(Memory::new(64 << 20)))
        .layer(RouterLayer::new(Complexity::default(), routes))
        .layer(limits)
        .layer(AttemptLayer::new(PriceTable::bundled()).enveloped()) // the upstream passes the deadline on
        .service(upstream.build()?);

    let question = env::args()
        .nth(1)
        .unwrap_or("What is the capital of Peru?".into());
    for _ in 0..2 {
        let call = Call::new(ChatRequest::new("auto").user(&question).stream(true));
        let journal = call.journal();
        let mut answer = llm.clone().oneshot(call).await?;
        if let Some(chunks) = answer.stream_mut() {
            while let Some(chunk) = chunks.next().await {
                print!("{}", chunk?.text());
                std::io::stdout().flush()?;
            }
        }
        let report = journal.read();
        let status = report
            .cache
            .as_ref()
            .map_or("-", |note| note.status.as_str());
        let dollars = |usd: Option<Usd>| usd.map_or("unknown".into(), |usd| usd.to_string());
        let saved = report.saved_by_cache().or(report.saved_by_route());
        println!(
            "\n  {status}  paid {}  saved {}",
            dollars(report.paid().exact()),
            dollars(saved)
        );
    }
    Ok(())
}
