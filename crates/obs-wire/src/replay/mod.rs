//! Answers that are kept and given again, in the form in which they came or in the other.
//!
//! An entry holds what was recorded, byte for byte.
mod entry;
mod meaning;
mod members;
mod pieces;

use std::{
    fmt,
    pin::Pin,
    str,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use obs_core::{BoxError, Capture, ChunkStream, Error, Replay};

use self::entry::{Entry, Events};
use crate::{Chunk, Event, Format, Mark, Response};

pub use self::{
    entry::check_object,
    members::{Members, Unlike, Writer},
    pieces::pieces,
};

/// Gathers the chunks of a streamed answer.
pub struct Recorder<F: Format> {
    events: Events,
    mark: F::Mark,
}

/// The recorded events of an entry, or those that a whole answer was split into.
struct Replayed<I>(I);

fn stream<F: Format, I>(events: I) -> ChunkStream<Chunk<F>>
where
    I: Iterator<Item = Event> + Send + Unpin + 'static,
{
    let chunks = Replayed(events.map(|event| Ok(Chunk::of(event))));
    ChunkStream::new(chunks)
}

/// The chunks that a whole answer is split into.
pub(crate) fn chunks<F: Format>(body: &Bytes) -> Result<ChunkStream<Chunk<F>>, BoxError> {
    Ok(stream(F::split(str::from_utf8(body)?)?.into_iter()))
}

impl<F: Format> Replay for Response<F> {
    /// `None` for a stream, and for an answer that is not complete: without finish reason, cut by its length, or
    /// filtered.
    fn encode(&self) -> Option<Bytes> {
        let (facts, body) = self.facts()?;
        facts.is_complete.then(|| entry::of_whole(body))
    }

    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError> {
        Ok(match (Entry::read(stored)?, streamed) {
            (Entry::Whole(body), false) => Self::whole(body),
            (Entry::Whole(body), true) => Self::stream(chunks(&body)?),
            (Entry::Stream(events), true) => Self::stream(stream(events)),
            (Entry::Stream(events), false) => {
                let events: Vec<_> = events.collect();
                Self::whole(F::merge(&events)?)
            }
        })
    }

    /// All of the body but names, times and figures about it.
    fn visit_meaning(&self, visit: &mut dyn FnMut(&[u8])) {
        if let Some(text) = self.body().and_then(|body| str::from_utf8(body).ok()) {
            meaning::visit(text, visit);
        }
    }

    fn from_stream(chunks: ChunkStream<Chunk<F>>) -> Self {
        Self::stream(chunks)
    }
}

impl<F: Format> Capture for Chunk<F> {
    type Recorder = Recorder<F>;

    fn record(&self, into: &mut Recorder<F>) {
        let facts = self.facts();
        into.mark.add(&facts.mark);
        if facts.is_error {
            into.mark.damage();
        }
        into.events.push(self.event());
    }

    /// `None` unless every answer that began has ended, complete.
    fn recorded(recorder: Recorder<F>) -> Option<Bytes> {
        let complete = recorder.mark.is_complete();
        complete.then(|| recorder.events.into_entry())
    }
}

impl<F: Format> Default for Recorder<F> {
    fn default() -> Self {
        Self {
            events: Events::default(),
            mark: F::Mark::default(),
        }
    }
}

impl<F: Format> fmt::Debug for Recorder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("format", &F::NAME)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

impl<C, I> Stream for Replayed<I>
where
    I: Iterator<Item = Result<C, Error>> + Unpin,
{
    type Item = Result<C, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
