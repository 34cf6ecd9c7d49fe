//! From the body of a streamed answer to its chunks.
use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use http_body::Body as _;
use obs_core::Error;
use tokio::time::{Instant, Sleep, sleep};

use super::{Malformed, Shared, send::Head};
use crate::{
    Chunk, Format, Mark,
    answer::read_event,
    error::{AnswerError, AnswerFault, Phase, TransportError, causes},
    sse::{Decoder, Event},
};

/// How long the end of a body is waited for once nothing more is to come: read to its end, an HTTP/1.1 connection can be
/// used again.
const END_OF_BODY: Duration = Duration::from_millis(50);

/// The chunks of a streamed answer.
///
/// It ends well after `[DONE]`, or when all of the answer has come and the body ends or keeps silent. It ends with
/// an error when the body ends before that, when an event is too long, no JSON, or tells of an error.
pub(super) struct Events<F: Format> {
    shared: Arc<Shared>,
    head: Head,
    decoder: Decoder,
    expected: Expected,
    /// The body has ended: with an error, or as it should.
    ended: Option<Result<(), String>>,
    bytes: usize,
    mark: F::Mark,
    done: bool,
    tells_usage: bool,
    /// An event was skipped.
    damaged: bool,
    /// Made here, because the last poll may happen outside of the runtime.
    silence: Pin<Box<Sleep>>,
    /// For how long it is set.
    waits: Option<Duration>,
}

/// What is expected of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// As many choices as were asked for.
    pub(super) choices: u64,
    /// A chunk that tells only usage.
    pub(super) usage: bool,
}

impl<F: Format> Events<F> {
    pub(super) fn new(shared: Arc<Shared>, head: Head, expected: Expected) -> Self {
        Self {
            decoder: Decoder::new(shared.limits.event),
            shared,
            head,
            expected,
            ended: None,
            bytes: 0,
            mark: F::Mark::default(),
            done: false,
            tells_usage: false,
            damaged: false,
            silence: Box::pin(sleep(Duration::ZERO)),
            waits: None,
        }
    }

    /// A chunk, or an error. `None`: the event is none of both.
    fn event(&mut self, event: Event) -> Option<Result<Chunk<F>, Error>> {
        if self.done {
            return None;
        }
        if event.data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return None;
        }
        let mut facts = match read_event::<F>(&event) {
            Ok(facts) if facts.is_error || event.name.as_deref() == Some(b"error") => {
                return Some(Err(self.shared.error_of(&self.head, event.data)));
            }
            Ok(facts) => facts,
            // The last event was cut off with the body.
            Err(_) if self.ended.is_some() => return None,
            Err(how) => return self.malformed(how).map(Err),
        };
        self.mark.add(&facts.mark);
        // Of several choices only the last one to finish ends the answer.
        facts.finish = facts.finish.filter(|_| self.is_complete());
        if self.damaged {
            facts.mark.damage();
        }
        let chunk = Chunk::known(event, facts);
        self.tells_usage |= self.is_complete() && chunk.tells_only_usage();
        Some(Ok(chunk))
    }

    fn malformed(&mut self, how: String) -> Option<Error> {
        match self.shared.malformed {
            Malformed::Fail => {
                let how = format!("an event of the stream is no JSON: {how}");
                Some(self.fault(AnswerFault::Malformed(how.into())))
            }
            Malformed::Skip => {
                self.damaged = true;
                self.shared.skipped.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(url = &*self.head.url, "skipped an event that is no JSON");
                None
            }
        }
    }

    /// All of the answer has come.
    fn is_complete(&self) -> bool {
        self.mark.has_ended(self.expected.choices)
    }

    /// How the stream ends now that nothing more comes.
    fn end(&self, cause: &str) -> Option<Result<Chunk<F>, Error>> {
        if self.is_complete() || (self.done && self.mark.has_begun()) {
            return None;
        }
        Some(Err(if self.done {
            self.fault(AnswerFault::Empty)
        } else {
            TransportError::error(&self.head.url, Phase::Stump, cause)
        }))
    }

    /// How long more is waited for. `None`: for as long as it takes.
    fn patience(&self) -> Option<Duration> {
        if self.done
            || self.mark.is_closed()
            || (self.is_complete() && (self.tells_usage || !self.expected.usage))
        {
            Some(END_OF_BODY)
        } else {
            self.is_complete().then_some(self.shared.limits.linger)
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(patience) = self.patience() else {
            return Poll::Pending;
        };
        if self.waits != Some(patience) {
            self.waits = Some(patience);
            self.silence.as_mut().reset(Instant::now() + patience);
        }
        self.silence.as_mut().poll(cx)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let frame = match Pin::new(&mut self.head.body).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        match frame {
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else {
                    return Poll::Ready(Ok(()));
                };
                self.bytes = self.bytes.saturating_add(data.len());
                let limit = self.shared.limits.answer;
                if self.bytes > limit {
                    return Poll::Ready(Err(self.fault(AnswerFault::TooLarge { limit })));
                }
                self.decoder.push(data);
            }
            end => {
                let end = end.transpose().map(|_| ());
                self.ended = Some(end.map_err(|error| causes(&error.without_url())));
                self.decoder.close();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fault(&self, fault: AnswerFault) -> Error {
        AnswerError::error(&self.head.url, fault)
    }
}

impl<F: Format> Stream for Events<F> {
    type Item = Result<Chunk<F>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            while let Some(event) = this.decoder.next_event() {
                let event = match event {
                    Ok(event) => event,
                    Err(error) => {
                        let limit = error.limit();
                        let fault = this.fault(AnswerFault::EventTooLong { limit });
                        return Poll::Ready(Some(Err(fault)));
                    }
                };
                if let Some(item) = this.event(event) {
                    return Poll::Ready(Some(item));
                }
            }
            match &this.ended {
                Some(Ok(())) => {
                    return Poll::Ready(this.end("neither a finish reason nor its end came"));
                }
                Some(Err(cause)) => return Poll::Ready(this.end(cause)),
                None => {}
            }
            match this.poll_body(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {
                    return this.poll_patience(cx).map(|()| this.end("it kept silent"));
                }
            }
        }
    }
}
