//! Waiting for the answer of a flight.
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use obs_core::{Capture, ChunkStream, Error, ErrorKind, LlmChunk, LlmResponseExt, Replay};

use super::{lock::lock, seat::Seat, state::Phase};

/// Waits for the answer of a flight.
pub(crate) struct Waiter<T: Replay> {
    seat: Option<Seat<T>>,
    /// Gathers a streamed answer for a member that wants it whole, however long it is.
    whole: <T::Chunk as Capture>::Recorder,
    /// Whether its finish reason has come.
    finished: bool,
}

impl<T: Replay> Waiter<T> {
    pub(super) fn new(seat: Seat<T>) -> Self {
        Self {
            seat: Some(seat),
            whole: Default::default(),
            finished: false,
        }
    }

    /// `Ok(None)`: there is an answer, but not one that can be shared. Never for the leader.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Error>> {
        let answer = ready!(self.poll_answer(cx));
        // At once: who has its answer, or no more time, neither pays nor holds the others up.
        self.seat = None;
        Poll::Ready(answer)
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Error>> {
        let seat = self.seat.as_mut().expect("polled after completion");
        ready!(seat.poll_head(cx))?;
        let (id, streams) = (seat.id, seat.streams);
        let mut state = lock(&seat.flight.state);
        // The leader's, as it came. If the leader has left, whoever comes first may as well have it.
        let mine = id == 0 || !state.members.contains_key(&0);
        if let Phase::Landed { streamed, end } = &state.phase
            && !*streamed
        {
            let shared = end.clone()?;
            let original = if mine { state.original.take() } else { None };
            drop(state);
            return Poll::Ready(match shared {
                // One that came whole, and is wanted as a stream.
                Some(bytes) if streams => decode(&bytes, true),
                Some(bytes) if original.is_none() => decode(&bytes, false),
                _ => Ok(original),
            });
        }
        if streams {
            let original = if mine { state.original.take() } else { None };
            drop(state);
            let seat = self.seat.take().expect("is there");
            let chunks = ChunkStream::new(Shared(seat));
            let answer = match original {
                Some(mut original) => {
                    original.wrap_stream(|_| chunks);
                    original
                }
                None => T::from_stream(chunks),
            };
            return Poll::Ready(Ok(Some(answer)));
        }
        drop(state);
        loop {
            match ready!(seat.poll_chunk(cx)) {
                Some(Ok(chunk)) => {
                    self.finished |= chunk.finish().is_some();
                    chunk.record(&mut self.whole);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {
                    let bytes = T::Chunk::recorded(mem::take(&mut self.whole));
                    return Poll::Ready(match bytes {
                        Some(bytes) => decode(&bytes, false),
                        // Such as one that was cut by a limit: it is the answer, but not in this form.
                        None if self.finished && id > 0 => Ok(None),
                        None => {
                            let cut = "the stream ended before the answer did";
                            Err(Error::new(ErrorKind::CutOff, cut))
                        }
                    });
                }
            }
        }
    }
}

fn decode<T: Replay>(bytes: &Bytes, streamed: bool) -> Result<Option<T>, Error> {
    T::decode(bytes, streamed)
        .map(Some)
        .map_err(Error::from_any)
}

/// One member's view of the shared stream.
struct Shared<T: Replay>(Seat<T>);

impl<T: Replay> Stream for Shared<T> {
    type Item = Result<T::Chunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_chunk(cx)
    }
}
