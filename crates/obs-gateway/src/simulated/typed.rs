//! Answers that are told as typed events.
use std::{pin::Pin, sync::atomic::Ordering::Relaxed, time::Duration};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use obs_core::{ChunkStream, Error, ErrorKind, LlmChunk, LlmRequest, Role};
use obs_wire::{Chunk, Format, Request, Response};
use serde_json::Value;

use super::{
    Simulated,
    models::{self, Model, tokens},
    prompt,
    text::{self, Draw},
};
use crate::refusal::Refusal;

/// What is said, before it is put into the form of an endpoint.
pub(super) struct Said {
    pub(super) model: &'static Model,
    /// Of this process.
    pub(super) number: u64,
    pub(super) created: u64,
    pub(super) text: String,
    /// It was not cut.
    pub(super) is_whole: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    /// Of the latency: the same for the same prompt.
    jitter: f64,
}

pub(super) type Saying<F> = Pin<Box<dyn Future<Output = Result<Response<F>, Error>> + Send>>;

impl Simulated {
    /// Answers a request with this body, whole or as a stream.
    pub(super) fn respond<F: Format>(
        &self,
        request: Request<F>,
        most: Option<u64>,
        body: fn(&Said) -> Value,
    ) -> Saying<F> {
        let this = self.clone();
        Box::pin(async move {
            let said = this.say(&request, most.unwrap_or(u64::MAX))?;
            let answer = body(&said).to_string();
            if request.streams() {
                return Ok(Response::stream(this.events(&answer, &said)?));
            }
            let talking = said.model.per_token * u32::try_from(said.output).unwrap_or(u32::MAX);
            this.wait(said.model.first_token + talking, said.jitter)
                .await;
            Ok(Response::whole(answer))
        })
    }

    /// About as many tokens as a prompt has.
    pub(super) fn count(request: &impl LlmRequest) -> u64 {
        let pieces = prompt(request);
        pieces.iter().map(|(_, text)| tokens(text.len()) + 3).sum()
    }

    fn say(&self, request: &impl LlmRequest, most: u64) -> Result<Said, Error> {
        let name = request.model();
        let Some(model) = models::chat(name) else {
            return Err(Refusal::no_model(name, &models::chats()).into());
        };
        let input = Self::count(request);
        if input > model.context {
            let message = format!(
                "prompt is too long: {input} tokens > {} maximum",
                model.context
            );
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, message);
            let refusal = refusal.code("context_length_exceeded");
            return Err(Error::new(ErrorKind::ContextTooLong, refusal));
        }
        let pieces = prompt(request);
        let asked = pieces.iter().rev().find(|(role, _)| *role == Role::User);
        let asked = asked.map_or("", |(_, text)| text);
        let seed = pieces.iter().map(|(_, text)| text.as_str());
        let mut draw = Draw::from_texts(seed.chain([model.name]));
        let jitter = 0.8 + 0.4 * draw.share();
        let all = text::answer(model, asked, &mut draw);
        let (text, is_whole) = text::cut(&all, most);
        Ok(Said {
            model,
            number: self.answers.fetch_add(1, Relaxed),
            created: self.clock.unix_seconds(),
            output: tokens(text.len()),
            text: text.into(),
            is_whole,
            input,
            jitter,
        })
    }

    /// The events of an answer at the pace of its model.
    fn events<F: Format>(&self, answer: &str, said: &Said) -> Result<ChunkStream<Chunk<F>>, Error> {
        let events = F::split(answer).map_err(|error| Error::new(ErrorKind::Upstream, error))?;
        let (this, model, jitter) = (self.clone(), said.model, said.jitter);
        let chunks = stream::iter(events).enumerate().then(move |(at, event)| {
            let this = this.clone();
            let chunk = Chunk::of(event);
            async move {
                let words = u32::try_from(tokens(chunk.text().len())).unwrap_or(u32::MAX);
                let pace = match at {
                    0 => model.first_token,
                    _ if chunk.text().is_empty() => Duration::ZERO,
                    _ => model.per_token * words,
                };
                this.wait(pace, jitter).await;
                Ok(chunk)
            }
        });
        Ok(ChunkStream::new(chunks))
    }
}
