//! Chat completions that are kept and given again, in the form in which they came or in the other.
//!
//! An entry holds what was recorded, byte for byte. In the other form it says the same: text, reasoning, refusals, calls of
//! tools with their arguments put together, log probabilities, several choices, finish reasons, usage, `id`, `created`,
//! `model` and every field that we do not know. What cannot be said in the other form is refused: audio, content that is
//! no string in a stream, and unknown fields that hold something else in every chunk. Two things are left out on purpose:
//! `obfuscation`, which is padding, and the different `created` of later chunks.
pub(crate) mod entry;
mod members;
mod merge;
mod message;
mod split;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use obs_core::{BoxError, Capture, ChunkStream, Error, Replay};

use crate::{
    ChatChunk, ChatResponse,
    chunk::Choices,
    replay::entry::{Entry, Payloads},
};

/// Gathers the chunks of a streamed chat completion.
#[derive(Debug, Default)]
pub struct ChatRecorder {
    payloads: Payloads,
    choices: Choices,
}

/// The recorded chunks of an entry, or those that a whole answer was split into.
struct Replayed<I>(I);

/// The chunks that a whole answer is split into.
pub(crate) fn chunks(body: &Bytes) -> Result<ChunkStream<ChatChunk>, BoxError> {
    let chunks = split::split(body)?.into_iter();
    Ok(ChunkStream::new(Replayed(chunks)))
}

impl Replay for ChatResponse {
    /// `None` for a stream, and for an answer that is not complete: without finish reason, cut by its length, or
    /// filtered.
    fn encode(&self) -> Option<Bytes> {
        let (facts, body) = self.facts()?;
        facts.is_complete().then(|| entry::of_whole(body))
    }

    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError> {
        Ok(match (Entry::read(stored)?, streamed) {
            (Entry::Whole(body), false) => Self::whole(body),
            (Entry::Whole(body), true) => Self::from_stream(chunks(&body)?),
            (Entry::Stream(payloads), true) => {
                Self::from_stream(ChunkStream::new(Replayed(payloads)))
            }
            (Entry::Stream(payloads), false) => Self::whole(merge::merge(payloads)?),
        })
    }

    fn from_stream(chunks: ChunkStream<ChatChunk>) -> Self {
        Self::stream(chunks)
    }
}

impl Capture for ChatChunk {
    type Recorder = ChatRecorder;

    fn record(&self, into: &mut ChatRecorder) {
        let facts = self.facts();
        into.choices.add(facts.choices);
        into.choices.cut |= facts.is_error;
        into.payloads.push(self.data());
    }

    /// `None` unless every choice that began has ended, complete.
    fn recorded(recorder: ChatRecorder) -> Option<Bytes> {
        let complete = recorder.choices.are_complete();
        complete.then(|| recorder.payloads.into_entry())
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Stream for Replayed<I> {
    type Item = Result<ChatChunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|data| Ok(ChatChunk::new(data))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
