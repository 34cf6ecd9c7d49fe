//! A streamed answer as the bytes of an HTTP body.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use obs_core::{ChunkStream, Error};

use crate::{Chunk, Format};

/// The events of a streamed answer, for a body of type `text/event-stream`.
///
/// A stream that ends well is closed as its format closes it ([`Format::END`]: `data: [DONE]` of OpenAI's chat completions).
/// One that ends with an error is closed by an event with an error in the shape of the format, and without that end, so that no
/// client takes a stump for an answer. Dropping the body ends the upstream request.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct EventBody<F: Format> {
    chunks: ChunkStream<Chunk<F>>,
    with_usage: bool,
    ended: bool,
    error: Option<Error>,
}

impl<F: Format> EventBody<F> {
    /// Of these chunks, without those that tell only usage.
    pub fn new(chunks: ChunkStream<Chunk<F>>) -> Self {
        Self {
            chunks,
            with_usage: false,
            ended: false,
            error: None,
        }
    }

    /// With the chunks that tell only usage, if the caller
    /// [asked for them](crate::Request::asked_for_usage).
    pub fn usage(mut self, asked: bool) -> Self {
        self.with_usage = asked;
        self
    }

    /// The error that ended the stream.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

impl<F: Format> Stream for EventBody<F> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            let event = match ready!(Pin::new(&mut this.chunks).poll_next(cx)) {
                Some(Ok(chunk)) if !this.with_usage && chunk.tells_only_usage() => continue,
                Some(Ok(chunk)) => chunk.event().encode(),
                Some(Err(error)) => {
                    this.ended = true;
                    let event = F::error_event(&error);
                    this.error = Some(error);
                    event
                }
                None => {
                    this.ended = true;
                    if F::END.is_empty() {
                        return Poll::Ready(None);
                    }
                    F::END
                }
            };
            return Poll::Ready(Some(Ok(event)));
        }
    }
}
