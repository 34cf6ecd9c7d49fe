//! Embeddings.
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use obs_core::{Call, Error, LlmRequest};
use obs_openai::{EmbeddingRequest, EmbeddingResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use super::{
    Simulated,
    models::{self, tokens},
    text::Draw,
    vector::{DIMENSIONS, embed},
};
use crate::refusal::Refusal;

/// Longest vector.
const MOST: usize = 3072;

#[derive(Deserialize)]
struct Wish {
    input: Value,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

impl Service<Call<EmbeddingRequest>> for Simulated {
    type Response = EmbeddingResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<EmbeddingResponse, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<EmbeddingRequest>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.embed(&call.request).await?) })
    }
}

impl Simulated {
    async fn embed(&self, request: &EmbeddingRequest) -> Result<EmbeddingResponse, Refusal> {
        let name = request.model();
        let Some(model) = models::embedding(name) else {
            return Err(Refusal::no_model(name, &[models::EMBED]));
        };
        let bad = |e: serde_json::Error| Refusal::bad(format!("the body cannot be read: {e}"));
        let wish: Wish = serde_json::from_slice(request.body()).map_err(bad)?;
        let length = wish.dimensions.unwrap_or(DIMENSIONS);
        if !(1..=MOST).contains(&length) {
            let message = format!("dimensions is {length}: expected 1 to {MOST}");
            return Err(Refusal::bad(message).param("dimensions"));
        }
        let as_text = wish.encoding_format.as_deref() == Some("base64");
        let inputs = inputs(&wish.input);
        let mut draw = Draw::from_texts(inputs.iter().map(String::as_str));
        self.wait(model.first_token, 0.8 + 0.4 * draw.share()).await;
        let item = |(index, text): (usize, &String)| {
            let vector = embed(text, length);
            let embedding = if as_text {
                base64(&vector)
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        };
        let used: u64 = inputs.iter().map(|text| tokens(text.len())).sum();
        let answer = json!({
            "object": "list",
            "data": inputs.iter().enumerate().map(item).collect::<Vec<_>>(),
            "model": model.name,
            "usage": {"prompt_tokens": used, "total_tokens": used},
        });
        Ok(EmbeddingResponse::new(answer.to_string()))
    }
}

/// One text, several, tokens, or several lists of tokens.
fn inputs(input: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match input {
        Value::Array(items) if !items.iter().all(Value::is_number) => {
            items.iter().map(text).collect()
        }
        one => vec![text(one)],
    }
}

/// Little-endian floats, as OpenAI sends them.
fn base64(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes).into()
}
