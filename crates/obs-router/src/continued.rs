//! A stream that is gone on with.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use obs_core::{
    BoxError, Call, CallContext, ChunkStream, Error, ErrorKind, LlmChunk, LlmRequest, LlmResponse,
    Purpose,
};
use tower::util::{Oneshot, ServiceExt};
use tower_service::Service;

/// Most text that is kept.
const MOST_TEXT: usize = 1 << 20;

/// How often one stream is gone on with.
const MOST_TIMES: u32 = 3;

/// What is needed to ask for the rest.
pub(crate) struct Again<S, R> {
    service: S,
    request: R,
    context: CallContext,
    /// What has come so far.
    text: String,
    /// How often it may be asked for still.
    times: u32,
}

/// A stream and, where it breaks off, the rest of it.
pub(crate) struct Continued<S, R>
where
    S: Service<Call<R>>,
    S::Response: LlmResponse,
{
    inner: Chunks<S, R>,
    /// The rest to come, and the error with which the stream broke off.
    rest: Option<(Rest<S, R>, Error)>,
    /// `None`: nobody can go on with it.
    again: Option<Again<S, R>>,
    /// The provider's name for the answer.
    id: Option<Box<str>>,
    /// The head of the rest is passed by: the caller has had one.
    at_head: bool,
}

type Rest<S, R> = Pin<Box<Oneshot<S, Call<R>>>>;
type Chunks<S, R> = ChunkStream<Chunk<S, R>>;
type Chunk<S, R> = <<S as Service<Call<R>>>::Response as LlmResponse>::Chunk;

impl<S, R: Clone> Again<S, R> {
    pub(crate) fn new(service: S, call: &Call<R>) -> Self {
        Self {
            service,
            request: call.request.clone(),
            context: call.context.clone(),
            text: String::new(),
            times: MOST_TIMES,
        }
    }
}

impl<S, R> Again<S, R>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
{
    /// Asks for the rest; `None`: this cannot be mended by that.
    fn ask(&mut self, error: &Error) -> Option<Oneshot<S, Call<R>>> {
        let kind = error.kind();
        let mends = kind.may_fail_over() && kind != ErrorKind::ContextTooLong;
        if !mends || self.text.is_empty() || self.context.deadline.is_over() {
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        let mut request = self.request.clone();
        if !request.continue_with(&self.text) {
            return None;
        }
        let context = self.context.child(Purpose::Continuation);
        let call = Call::with_context(request, context);
        Some(self.service.clone().oneshot(call))
    }
}

impl<S, R> Continued<S, R>
where
    S: Service<Call<R>>,
    S::Response: LlmResponse,
{
    pub(crate) fn new(inner: Chunks<S, R>, again: Again<S, R>) -> Self {
        Self {
            inner,
            rest: None,
            again: Some(again),
            id: None,
            at_head: false,
        }
    }

    /// Notes what it says. `false`: it is the head of the rest.
    fn note(&mut self, chunk: &mut Chunk<S, R>) -> bool {
        let is_content = chunk.is_content();
        if self.at_head {
            if !is_content && chunk.finish().is_none() && chunk.usage().is_none() {
                return false;
            }
            self.at_head = false;
        }
        match &self.id {
            Some(id) => chunk.go_on(id),
            None => self.id = chunk.id().map(Into::into),
        }
        let Some(again) = &mut self.again else {
            return true;
        };
        again.text.push_str(chunk.text());
        let only_text = !is_content || !chunk.text().is_empty();
        if !only_text || chunk.finish().is_some() || again.text.len() > MOST_TEXT {
            self.again = None;
        }
        true
    }
}

impl<S, R> Stream for Continued<S, R>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Item = Result<Chunk<S, R>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some((rest, _)) = &mut this.rest {
                let answer = ready!(rest.as_mut().poll(cx)).map_err(Error::from_any);
                let (rest, broke_off) = this.rest.take().expect("it was polled");
                drop(rest);
                let chunks = match answer {
                    Ok(mut answer) => answer.stream_mut().map(std::mem::take),
                    Err(error) => {
                        let kind = error.kind().as_str();
                        tracing::debug!(kind, "a stream that broke off was not gone on with");
                        None
                    }
                };
                let Some(chunks) = chunks else {
                    this.again = None;
                    return Poll::Ready(Some(Err(broke_off)));
                };
                this.inner = chunks;
                this.at_head = true;
            }
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(mut chunk)) => {
                    if this.note(&mut chunk) {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Some(Err(error)) => {
                    let again = this.again.as_mut();
                    let Some(rest) = again.and_then(|again| again.ask(&error)) else {
                        return Poll::Ready(Some(Err(error)));
                    };
                    this.rest = Some((Box::pin(rest), error));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<S, R> Unpin for Continued<S, R>
where
    S: Service<Call<R>>,
    S::Response: LlmResponse,
{
}

impl<S, R> fmt::Debug for Again<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again")
            .field("bytes", &self.text.len())
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
