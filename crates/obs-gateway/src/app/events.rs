//! The body of a streamed answer.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use http::StatusCode;
use obs_core::{ChunkStream, Error, ErrorKind, Journal};
use obs_openai::sse;
use obs_wire::{Content, EventBody, Response};
use tokio::time::{Instant, Sleep, sleep};

use super::{endpoint::Endpoint, errors, line::Line, told};

/// A call under way.
pub(super) type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<E>, Error>> + Send>>;

/// The events of an answer, which may be waited for still: comments keep the connection alive until then.
///
/// Dropping it cancels the call.
pub(super) struct Events<E: Endpoint> {
    state: State<E>,
    pub(super) how: How,
    line: Option<Line>,
}

/// How a stream is told.
pub(super) struct How {
    /// Whether the caller asked for the chunk that tells the usage.
    pub(super) usage: bool,
    /// Whether a comment at the end tells cost and savings.
    pub(super) report: bool,
    pub(super) journal: Journal,
}

enum State<E: Endpoint> {
    Waiting(Answering<E>, Pin<Box<Sleep>>, Duration),
    Streaming(EventBody<E>),
    /// After the comment at the end.
    Closing(Bytes),
    Ended,
}

impl<E: Endpoint> Events<E> {
    /// Of an answer that is there.
    pub(super) fn of(body: Content<E>, how: How, line: Line) -> Self {
        Self {
            state: State::of(body, how.usage),
            how,
            line: Some(line),
        }
    }

    /// Of an answer that is waited for, with a comment now and then.
    pub(super) fn waiting(answer: Answering<E>, every: Duration, how: How, line: Line) -> Self {
        Self {
            state: State::Waiting(answer, Box::pin(sleep(Duration::ZERO)), every),
            how,
            line: Some(line),
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        self.state = State::Ended;
        if let Some(mut line) = self.line.take() {
            line.status = Some(StatusCode::OK);
            line.error = error.map(|error| error.kind().as_str());
        }
    }

    fn failed(&mut self, error: &Error) -> Bytes {
        self.end(Some(error));
        errors::event::<E>(error)
    }
}

impl<E: Endpoint> State<E> {
    /// A provider may not stream: its answer is split.
    fn of(body: Content<E>, usage: bool) -> Self {
        let chunks = body.into_chunks().unwrap_or_else(|error| {
            let error = Error::new(ErrorKind::Upstream, error);
            ChunkStream::new(stream::iter([Err(error)]))
        });
        Self::Streaming(EventBody::new(chunks).usage(usage))
    }
}

fn is_end<E: Endpoint>(event: &Bytes) -> bool {
    !E::END.is_empty() && *event == E::END
}

impl<E: Endpoint> Stream for Events<E> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let event = match &mut this.state {
                State::Waiting(answer, comment, every) => match answer.as_mut().poll(cx) {
                    Poll::Ready(Ok(answer)) => {
                        this.state = State::of(answer.into_parts().1, this.how.usage);
                        continue;
                    }
                    Poll::Ready(Err(error)) => this.failed(&error),
                    Poll::Pending => {
                        ready!(comment.as_mut().poll(cx));
                        comment.as_mut().reset(Instant::now() + *every);
                        E::waiting()
                    }
                },
                State::Streaming(events) => {
                    let event = ready!(Pin::new(&mut *events).poll_next(cx));
                    let event = event.map(|event| match event {
                        Ok(event) => event,
                        Err(never) => match never {},
                    });
                    let error = events.error().cloned();
                    match event {
                        Some(done) if is_end::<E>(&done) && this.how.report => {
                            this.state = State::Closing(done);
                            sse::comment(&told::comment(&this.how.journal))
                        }
                        Some(done) if is_end::<E>(&done) => {
                            this.end(None);
                            done
                        }
                        // An error ends the body, and no `[DONE]` follows.
                        Some(event) => {
                            if let Some(error) = error {
                                this.end(Some(&error));
                            }
                            event
                        }
                        // Nothing closes a stream of this kind: what is told at its end comes last.
                        None if this.how.report && E::END.is_empty() => {
                            let report = sse::comment(&told::comment(&this.how.journal));
                            this.end(None);
                            report
                        }
                        None => {
                            this.end(None);
                            return Poll::Ready(None);
                        }
                    }
                }
                State::Closing(last) => {
                    let last = std::mem::take(last);
                    this.end(None);
                    last
                }
                State::Ended => return Poll::Ready(None),
            };
            return Poll::Ready(Some(Ok(event)));
        }
    }
}
