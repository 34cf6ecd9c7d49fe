//! The body of an answer.
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use obs_wire::{EventBody, Format};

/// The body of an answer: all of it, or the events of a stream as they come. Dropping it ends the call.
#[must_use = "a body does nothing unless it is read"]
pub struct Body<F: Format>(State<F>);

enum State<F: Format> {
    Whole(Option<Bytes>),
    Events(EventBody<F>),
}

impl<F: Format> Body<F> {
    pub(crate) const fn whole(bytes: Bytes) -> Self {
        Self(State::Whole(Some(bytes)))
    }

    pub(crate) const fn events(events: EventBody<F>) -> Self {
        Self(State::Events(events))
    }
}

/// Its pieces, for clients and servers that take a stream.
impl<F: Format> Stream for Body<F> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            State::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            State::Events(events) => Pin::new(events).poll_next(cx),
        }
    }
}

impl<F: Format> http_body::Body for Body<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = ready!(self.poll_next(cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            State::Events(_) => SizeHint::default(),
        }
    }
}

/// Without what is in it.
impl<F: Format> fmt::Debug for Body<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            State::Whole(_) => "whole",
            State::Events(_) => "events",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}
