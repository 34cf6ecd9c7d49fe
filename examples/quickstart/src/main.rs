//! Four layers around a service of your own: every call says what it cost and what it saved.
//!
//! `cargo run -p quickstart` prints:
//!
//! ```text
//! gpt-6-luna was asked: What is the capital of Peru?
//!   miss (simple)  paid $0.0002028  saved $0.0038532
//! gpt-6-luna was asked: What is the capital of Peru?
//!   hit (stored)  paid $0  saved $0.0002028
//! gpt-6-sol was asked: Prove that the square root of a prime number is irrational.
//!   miss (complex)  paid $0.004118  saved $0
//! gpt-6-sol was asked: Prove that the square root of a prime number is irrational.
//!   hit (stored)  paid $0  saved $0.004118
//! ```
//!
//! The router saves what the premium model would have cost more, the cache what the stored answer had cost. Prices are the
//! public list prices that `obs-core` brings along.
use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use obs_apm::ApmLayer;
use obs_cache::{CacheLayer, Memory};
use obs_core::{
    AttemptLayer, BoxError, Call, Fingerprint, LlmRequest, LlmResponse, PriceTable, Replay, Role,
    Usage, Usd,
};
use obs_router::{Complexity, Route, RouterLayer};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use serde::{Deserialize, Serialize};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// A request of your own.
#[derive(Clone, Serialize)]
struct Ask {
    model: String,
    question: &'static str,
}

/// An answer of your own.
#[derive(Serialize, Deserialize)]
struct Answer {
    text: String,
    usage: Usage,
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }
    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, self.question);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.json(self); // everything that makes the answer
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible; // it never streams
    fn usage(&self) -> Option<Usage> {
        Some(self.usage)
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }
    fn decode(stored: &Bytes, _streamed: bool) -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(stored)?)
    }
}

/// Your own service goes here, any `tower::Service<Ask, Response = Answer>`. This one makes its answers up.
async fn model(ask: Ask) -> Result<Answer, BoxError> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let text = format!("{} was asked: {}", ask.model, ask.question);
    let (input, output) = (ask.question.len() as u64, 400);
    let usage = Usage {
        input,
        output,
        ..Usage::default()
    };
    Ok(Answer { text, usage })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let routes = [
        Route::new("cheap").model("gpt-6-luna"),
        Route::new("premium").model("gpt-6-sol"), // the last one is what savings are measured against
    ];
    let llm = ServiceBuilder::new()
        .layer(ApmLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(30)).grace(Duration::from_secs(5)))
        .layer(CacheLayer::new(Memory::new(64 << 20)).ttl(Duration::from_secs(3600)))
        .layer(RouterLayer::new(Complexity::default(), routes))
        .layer(AttemptTimeoutLayer::new().attempt(Duration::from_secs(10)))
        .layer(AttemptLayer::new(PriceTable::bundled()))
        .service(service_fn(model));

    let easy = "What is the capital of Peru?";
    let hard = "Prove that the square root of a prime number is irrational.";
    for question in [easy, easy, hard, hard] {
        let call = Call::new(Ask {
            model: "auto".into(),
            question,
        })
        .tenant("acme");
        let journal = call.journal();
        let answer = llm.clone().oneshot(call).await?;

        let report = journal.read();
        let status = report
            .cache
            .as_ref()
            .map_or("-", |note| note.status.as_str());
        let reason = report
            .decisions
            .first()
            .map_or("stored", |decided| decided.reason);
        let paid = report.paid().known;
        let saved = [report.saved_by_cache(), report.saved_by_route()];
        let saved: Usd = saved.into_iter().flatten().sum();
        println!(
            "{}\n  {status} ({reason})  paid {paid}  saved {saved}",
            answer.text
        );
    }
    Ok(())
}
