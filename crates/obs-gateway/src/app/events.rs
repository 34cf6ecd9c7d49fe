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
use obs_openai::{ChatBody, ChatResponse, EventBody, sse};
use tokio::time::{Instant, Sleep, sleep};

use super::{errors, line::Line, told};

/// A call under way.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<ChatResponse, Error>> + Send>>;

/// The events of an answer, which may be waited for still: comments keep the connection alive until then.
///
/// Dropping it cancels the call.
pub(super) struct Events {
    state: State,
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

enum State {
    Waiting(Answering, Pin<Box<Sleep>>, Duration),
    Streaming(EventBody),
    /// After the comment at the end.
    Closing(Bytes),
    Ended,
}

impl Events {
    /// Of an answer that is there.
    pub(super) fn of(body: ChatBody, how: How, line: Line) -> Self {
        Self {
            state: State::of(body, how.usage),
            how,
            line: Some(line),
        }
    }

    /// Of an answer that is waited for, with a comment now and then.
    pub(super) fn waiting(answer: Answering, every: Duration, how: How, line: Line) -> Self {
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
        sse::encode(None, &errors::body(error))
    }
}

impl State {
    /// A provider may not stream: its answer is split.
    fn of(body: ChatBody, usage: bool) -> Self {
        let chunks = body.into_chunks().unwrap_or_else(|error| {
            let error = Error::new(ErrorKind::Upstream, error);
            ChunkStream::new(stream::iter([Err(error)]))
        });
        Self::Streaming(EventBody::new(chunks).usage(usage))
    }
}

impl Stream for Events {
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
                        sse::comment("waiting")
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
                        Some(done) if done == sse::DONE && this.how.report => {
                            this.state = State::Closing(done);
                            sse::comment(&told::comment(&this.how.journal))
                        }
                        Some(done) if done == sse::DONE => {
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
