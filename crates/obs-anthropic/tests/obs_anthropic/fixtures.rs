//! Answers as they are recorded in `tests/fixtures`, and how they are read.
use futures_util::StreamExt;
use obs_anthropic::{MessagesChunk, MessagesResponse};
use obs_core::{Error, LlmResponse};
use obs_wire::{Event, sse::Decoder};
use serde_json::Value;

pub(crate) const TEXT: (&str, &str) = (
    include_str!("../fixtures/text.sse"),
    include_str!("../fixtures/text.json"),
);
pub(crate) const TOOLS: (&str, &str) = (
    include_str!("../fixtures/tools.sse"),
    include_str!("../fixtures/tools.json"),
);
pub(crate) const SEARCH: (&str, &str) = (
    include_str!("../fixtures/search.sse"),
    include_str!("../fixtures/search.json"),
);
pub(crate) const ALL: [(&str, &str); 3] = [TEXT, TOOLS, SEARCH];

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The events in pieces of bytes.
pub(crate) fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 20);
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        all.extend(std::iter::from_fn(|| decoder.next_event()).map(Result::unwrap));
    }
    decoder.close();
    all.extend(std::iter::from_fn(|| decoder.next_event()).map(Result::unwrap));
    all
}

/// The chunks of a stream, up to its end or error.
pub(crate) async fn collect(mut answer: MessagesResponse) -> (Vec<MessagesChunk>, Option<Error>) {
    let mut chunks = std::mem::take(answer.stream_mut().expect("a stream"));
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => all.push(chunk),
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}
