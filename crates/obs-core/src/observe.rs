//! Watching a call to its very end.
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::{BoxError, ChunkStream, Error, LlmChunk, LlmResponse};

/// Watches one call. Its end is told exactly once, however it comes.
pub trait Observe<Res: LlmResponse> {
    /// A whole answer, or the head of a streamed one.
    fn answer(&mut self, _answer: &Res) {}

    /// One chunk of a stream; `first_content`: it is the first one with generated content.
    fn chunk(&mut self, _chunk: &Res::Chunk, _first_content: bool) {}

    /// The end. What is inside was dropped before.
    fn end(&mut self, how: End<'_>);
}

/// How a call ended.
#[derive(Debug)]
pub enum End<'a> {
    /// With its last token, or the reader left after the finish reason.
    Complete,
    /// With an error, before or in the stream.
    Failed(&'a Error),
    /// It was dropped before its end.
    Dropped,
}

pin_project! {
    /// A call that is watched: the future, and the stream that it gives.
    // What is inside ends before it is told here: mind the order of the fields.
    #[must_use = "futures do nothing unless polled"]
    pub struct Observed<F, O, Res>
    where
        O: Observe<Res>,
        Res: LlmResponse,
    {
        #[pin]
        inner: Option<F>,
        watch: Option<Watch<O, Res>>,
    }
}

struct Watch<O: Observe<Res>, Res: LlmResponse> {
    observer: O,
    open: bool,
    content: bool,
    finished: bool,
    res: PhantomData<fn(Res)>,
}

/// `inner` first: see [`Observed`].
struct ObservedStream<O: Observe<Res>, Res: LlmResponse> {
    inner: ChunkStream<Res::Chunk>,
    watch: Watch<O, Res>,
}

// ===== impl Watch =====

impl<O: Observe<Res>, Res: LlmResponse> Watch<O, Res> {
    fn new(observer: O) -> Self {
        Self {
            observer,
            open: true,
            content: false,
            finished: false,
            res: PhantomData,
        }
    }

    fn chunk(&mut self, chunk: &Res::Chunk) {
        self.finished |= chunk.finish().is_some();
        let first = !self.content && chunk.is_content();
        self.content |= first;
        self.observer.chunk(chunk, first);
    }

    fn end(&mut self, how: End<'_>) {
        if std::mem::take(&mut self.open) {
            self.observer.end(how);
        }
    }
}

impl<O, Res> Watch<O, Res>
where
    O: Observe<Res> + Send + 'static,
    Res: LlmResponse + 'static,
{
    /// To the end of the answer, which is now if it is whole.
    fn follow(mut self, mut answer: Res) -> Res {
        self.observer.answer(&answer);
        match answer.stream_mut() {
            Some(place) => {
                let inner = std::mem::take(place);
                *place = ChunkStream::new(ObservedStream { inner, watch: self });
            }
            None => self.end(End::Complete),
        }
        answer
    }
}

impl<O: Observe<Res>, Res: LlmResponse> Drop for Watch<O, Res> {
    fn drop(&mut self) {
        // Many readers stop at the finish reason and never ask for the end.
        self.end(if self.finished {
            End::Complete
        } else {
            End::Dropped
        });
    }
}

// ===== impl Observed =====

impl<F, O: Observe<Res>, Res: LlmResponse> Observed<F, O, Res> {
    /// Watches this future, and the stream in its answer.
    pub fn new(inner: F, observer: O) -> Self {
        Self {
            inner: Some(inner),
            watch: Some(Watch::new(observer)),
        }
    }
}

/// Watches an answer that is there already, to the end of its stream.
pub fn observe_answer<O, Res>(answer: Res, observer: O) -> Res
where
    O: Observe<Res> + Send + 'static,
    Res: LlmResponse + 'static,
{
    Watch::new(observer).follow(answer)
}

impl<F, O, Res> fmt::Debug for Observed<F, O, Res>
where
    O: Observe<Res>,
    Res: LlmResponse,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("answered", &self.inner.is_none())
            .finish_non_exhaustive()
    }
}

impl<F, O, Res, E> Future for Observed<F, O, Res>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    O: Observe<Res> + Send + 'static,
    Res: LlmResponse + 'static,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut();
        let result = ready!(inner.expect("polled after completion").poll(cx));
        this.inner.set(None);
        let mut watch = this.watch.take().expect("goes with the future");
        match result.map_err(Error::from_any) {
            Ok(answer) => Poll::Ready(Ok(watch.follow(answer))),
            Err(error) => {
                watch.end(End::Failed(&error));
                Poll::Ready(Err(error))
            }
        }
    }
}

// ===== impl ObservedStream =====

impl<O: Observe<Res>, Res: LlmResponse> Unpin for ObservedStream<O, Res> {}

impl<O: Observe<Res>, Res: LlmResponse> Stream for ObservedStream<O, Res> {
    type Item = Result<Res::Chunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let item = ready!(Pin::new(&mut this.inner).poll_next(cx));
        match &item {
            Some(Ok(chunk)) => this.watch.chunk(chunk),
            Some(Err(error)) => this.watch.end(End::Failed(error)),
            None => this.watch.end(End::Complete),
        }
        Poll::Ready(item)
    }
}

impl<O: Observe<Res>, Res: LlmResponse> Drop for ObservedStream<O, Res> {
    fn drop(&mut self) {
        // The reader left after the finish reason: usage that is there already need not stay unknown.
        if self.watch.open && self.watch.finished {
            let watch = &mut self.watch;
            self.inner.drain_ready(|chunk| watch.chunk(chunk));
        }
    }
}
