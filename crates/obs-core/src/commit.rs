//! Up to where an answer can still be replaced by another.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{Alarm, BoxError, Error, LlmChunk, LlmResponse};

/// The point of a stream at which its answer is given out. Before it, a failure can be repaired unseen, by another
/// attempt; after it, it cannot. What is held back until then adds to the time to the first token.
///
/// A whole answer has no such point: it is given out when it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commit {
    /// With the head of the answer.
    Head,
    /// With the first generated content.
    #[default]
    FirstContent,
    /// So long after the first generated content, or with the end.
    After(Duration),
    /// With so many chunks of generated content, or with the end. Most providers send one token a chunk.
    Tokens(u32),
    /// With the end: the whole answer is held back.
    Complete,
}

pin_project! {
    /// A call whose answer is given out when it has reached its commit point.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Committed<F, Res> {
        #[pin]
        call: Option<F>,
        answer: Option<Res>,
        until: Commit,
        #[pin]
        alarm: Alarm,
    }
}

impl<F, Res> Committed<F, Res> {
    /// Gives the answer of this call out at this point.
    pub fn new(call: F, until: Commit) -> Self {
        Self {
            call: Some(call),
            answer: None,
            until,
            alarm: Alarm::new(None),
        }
    }
}

impl<F, Res, E> Future for Committed<F, Res>
where
    F: Future<Output = Result<Res, E>>,
    Res: LlmResponse,
    E: Into<BoxError>,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(call) = this.call.as_mut().as_pin_mut() {
            let answer = ready!(call.poll(cx));
            this.call.set(None);
            *this.answer = Some(answer.map_err(Error::from_any)?);
        }
        let answer = this.answer.as_mut().expect("polled after completion");
        if let Some(chunks) = answer.stream_mut() {
            let reached = match *this.until {
                Commit::Head => Poll::Ready(Ok(())),
                Commit::Complete => chunks.poll_ahead(cx, |_| false),
                Commit::Tokens(wanted) => {
                    let mut seen = 0;
                    chunks.poll_ahead(cx, |chunk| {
                        seen += u32::from(chunk.is_content());
                        seen >= wanted
                    })
                }
                Commit::FirstContent => chunks.poll_ahead(cx, LlmChunk::is_content),
                Commit::After(time) => {
                    let first = chunks.poll_ahead(cx, LlmChunk::is_content);
                    if let Poll::Ready(Ok(())) = first {
                        // From now on the stream is read against the clock.
                        *this.until = Commit::Complete;
                        this.alarm.as_mut().set(Instant::now().checked_add(time));
                        chunks.poll_ahead(cx, |_| false)
                    } else {
                        first
                    }
                }
            };
            match reached {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    *this.answer = None;
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => ready!(this.alarm.poll(cx, || Some(Instant::now()))),
            }
        }
        Poll::Ready(Ok(this.answer.take().expect("was looked at above")))
    }
}
