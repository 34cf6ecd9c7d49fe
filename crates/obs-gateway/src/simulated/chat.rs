//! Chat completions, plain and streamed.
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use obs_core::{Call, ChunkStream, Error, ErrorKind, LlmRequest, Role};
use obs_openai::{ChatChunk, ChatRequest, ChatResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use super::{
    Simulated,
    models::{self, Model, tokens},
    prompt,
    text::{self, Draw},
};
use crate::refusal::Refusal;

/// Most choices of one answer.
const CHOICES: u64 = 8;

/// What is read of a request beside its prompt.
#[derive(Default, Deserialize)]
struct Wish {
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<u64>,
}

/// An answer before it is told.
struct Answer {
    model: &'static Model,
    id: String,
    created: u64,
    choices: Vec<Choice>,
    input: u64,
    output: u64,
    /// Of the latency: the same for the same prompt.
    jitter: f64,
}

struct Choice {
    text: String,
    finish: &'static str,
}

impl Service<Call<ChatRequest>> for Simulated {
    type Response = ChatResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ChatResponse, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ChatRequest>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let answer = this.answer(&call.request)?;
            if call.request.streams() {
                return Ok(ChatResponse::stream(this.stream(answer, &call.request)));
            }
            let talking = answer.model.per_token * u32::try_from(answer.output).unwrap_or(u32::MAX);
            this.wait(answer.model.first_token + talking, answer.jitter)
                .await;
            Ok(ChatResponse::whole(answer.whole().to_string()))
        })
    }
}

impl Simulated {
    fn answer(&self, request: &ChatRequest) -> Result<Answer, Error> {
        let name = request.model();
        let Some(model) = models::chat(name) else {
            return Err(Refusal::no_model(name, &models::chats()).into());
        };
        // What cannot be read here asks for nothing.
        let wish: Wish = serde_json::from_slice(request.body()).unwrap_or_default();
        let pieces = prompt(request);
        let input = pieces.iter().map(|(_, text)| tokens(text.len()) + 3).sum();
        if input > model.context {
            return Err(too_long(model, input));
        }
        let asked = pieces.iter().rev().find(|(role, _)| *role == Role::User);
        let asked = asked.map_or("", |(_, text)| text);
        let seed = pieces.iter().map(|(_, text)| text.as_str());
        let mut draw = Draw::from_texts(seed.chain([model.name]));
        let jitter = 0.8 + 0.4 * draw.share();
        let most = wish
            .max_completion_tokens
            .or(wish.max_tokens)
            .unwrap_or(u64::MAX);
        let choice = |_| {
            let text = text::answer(model, asked, &mut draw);
            let (text, whole) = text::cut(&text, most);
            Choice {
                text: text.into(),
                finish: if whole { "stop" } else { "length" },
            }
        };
        let choices: Vec<_> = (0..wish.n.unwrap_or(1).clamp(1, CHOICES))
            .map(choice)
            .collect();
        let (id, created) = self.stamp();
        Ok(Answer {
            model,
            id,
            created,
            output: choices.iter().map(|choice| tokens(choice.text.len())).sum(),
            choices,
            input,
            jitter,
        })
    }

    fn stream(self, answer: Answer, request: &ChatRequest) -> ChunkStream<ChatChunk> {
        let Answer { model, jitter, .. } = answer;
        let chunks = answer.chunks(request.asked_for_usage());
        let chunks = stream::iter(chunks).then(move |(waits, chunk)| {
            let this = self.clone();
            async move {
                let pace = match waits {
                    Waits::ForFirst => model.first_token,
                    Waits::ForNext(tokens) => model.per_token * tokens,
                    Waits::Not => Duration::ZERO,
                };
                this.wait(pace, jitter).await;
                Ok(ChatChunk::new(chunk.to_string()))
            }
        });
        ChunkStream::new(chunks)
    }
}

/// What comes before a chunk.
enum Waits {
    ForFirst,
    ForNext(u32),
    Not,
}

impl Answer {
    fn whole(&self) -> Value {
        let choice = |(index, choice): (usize, &Choice)| {
            let message = json!({"role": "assistant", "content": choice.text, "refusal": null});
            let finish = choice.finish;
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish})
        };
        let choices = self.choices.iter().enumerate().map(choice);
        let mut whole = self.frame("chat.completion", choices.collect());
        whole["usage"] = self.usage();
        whole
    }

    fn chunks(&self, asked_for_usage: bool) -> Vec<(Waits, Value)> {
        let chunk = |index: usize, delta: Value, finish: Option<&str>| {
            let choice =
                json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
            let mut chunk = self.frame("chat.completion.chunk", json!([choice]));
            if asked_for_usage {
                chunk["usage"] = Value::Null;
            }
            chunk
        };
        let mut chunks = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let role = json!({"role": "assistant", "content": "", "refusal": null});
            chunks.push((Waits::ForFirst, chunk(index, role, None)));
            for word in text::words(&choice.text) {
                let pace = u32::try_from(tokens(word.len())).unwrap_or(u32::MAX);
                chunks.push((
                    Waits::ForNext(pace),
                    chunk(index, json!({"content": word}), None),
                ));
            }
            chunks.push((Waits::Not, chunk(index, json!({}), Some(choice.finish))));
        }
        let mut usage = self.frame("chat.completion.chunk", json!([]));
        usage["usage"] = self.usage();
        chunks.push((Waits::Not, usage));
        chunks
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model.name,
            "system_fingerprint": "simulated",
            "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        })
    }
}

fn too_long(model: &Model, tokens: u64) -> Error {
    let Model { name, context, .. } = model;
    let message = format!(
        "This model's maximum context length is {context} tokens, and the messages are {tokens} tokens long."
    );
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, message)
        .param("messages")
        .code("context_length_exceeded");
    tracing::debug!(model = name, tokens, "the prompt is too long");
    Error::new(ErrorKind::ContextTooLong, refusal)
}
