//! The call while it lasts, polled in the context of its span.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use obs_core::{BoxError, ChunkStream, Error, LlmResponse, LlmResponseExt, Observed};
use opentelemetry::Context as Telemetry;
use pin_project_lite::pin_project;

use crate::sample::Sample;

pin_project! {
    /// The future of [`Apm`](crate::Apm). Dropping it, or the stream that it gives, counts the call as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, Res>
    where
        Res: LlmResponse,
    {
        #[pin]
        inner: Observed<Attached<F>, Sample, Res>,
    }
}

pin_project! {
    /// Polls a future, and the stream that it gives, in a context.
    pub(crate) struct Attached<F> {
        #[pin]
        pub(crate) inner: F,
        pub(crate) context: Option<Telemetry>,
    }
}

/// Polls a stream in a context.
struct AttachedStream<C> {
    inner: ChunkStream<C>,
    context: Telemetry,
}

impl<F, Res: LlmResponse> ResponseFuture<F, Res> {
    pub(crate) fn new(inner: F, context: Option<Telemetry>, sample: Sample) -> Self {
        Self {
            inner: Observed::new(Attached { inner, context }, sample),
        }
    }
}

impl<F, Res: LlmResponse> fmt::Debug for ResponseFuture<F, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.inner).finish()
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    Res: LlmResponse + 'static,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

impl<F, Res, E> Future for Attached<F>
where
    F: Future<Output = Result<Res, E>>,
    Res: LlmResponse,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let current = this.context.clone().map(Telemetry::attach);
        let mut result = ready!(this.inner.poll(cx));
        drop(current);
        if let (Ok(answer), Some(context)) = (&mut result, this.context.take()) {
            answer.wrap_stream(|inner| ChunkStream::new(AttachedStream { inner, context }));
        }
        Poll::Ready(result)
    }
}

impl<C> Stream for AttachedStream<C> {
    type Item = Result<C, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _current = self.context.clone().attach();
        Pin::new(&mut self.inner).poll_next(cx)
    }
}
