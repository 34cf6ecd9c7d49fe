//! The layer that has streams gone on with.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::{BoxError, Call, ChunkStream, Error, LlmRequest, LlmResponse, LlmResponseExt};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::continued::{Again, Continued};

/// Has a stream gone on with that breaks off after its [commit point](crate::RouterLayer::commit), so that its caller gets all of
/// it. It belongs right outside of the router.
///
/// The text that has come so far is sent once more as the beginning of the model's own answer (a *prefill*), to a
/// [`Route`](crate::Route) that [says](crate::Route::prefill) that its model goes on with it: that on which the stream broke off,
/// unless it fell silent, or the next one that the call may take. What comes then follows what has come before, under the same
/// name. Such an answer is counted once more among the decisions, with the reason [`Continued`](crate::Reason::Continued).
///
/// What the seam means:
///
/// - The rest may be of another model, and the text may show it. Usage is that of the last attempt: its input holds the beginning,
///   its output the rest alone. What the attempt that broke off cost is not known, and so nobody says what the call cost.
/// - Only text is gone on with: no reasoning, tool call or refusal, no second choice, and what else
///   [`LlmRequest::continue_with`] refuses. Nor is more than a mebibyte, and nothing is gone on with more than three times.
/// - A route that refuses the beginning, and any other failure on the way, is no error of the caller's: the stream then ends with
///   the error with which it broke off.
/// - While no deadline of the call is over. The limits of an attempt hold for each anew.
///
/// Readiness is that of the service inside; for the rest of a stream a clone is waited for. Dropping the stream drops what is under
/// way. A streamed call keeps a copy of its request, and of its text, to its end: that is why more is asked of the types than the
/// router does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ContinueLayer;

/// Has streams gone on with. Made by [`ContinueLayer`].
#[derive(Clone, Debug)]
pub struct Continue<S> {
    inner: S,
}

impl ContinueLayer {
    /// One for all streams.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for ContinueLayer {
    type Service = Continue<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Continue { inner }
    }
}

impl<S> Continue<S> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<Call<R>> for Continue<S>
where
    R: LlmRequest + Clone + Send + 'static,
    S: Service<Call<R>, Future: Send> + Clone + Send + 'static,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ContinueFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let streams = call.request.streams();
        let again = streams.then(|| Again::new(self.inner.clone(), &call));
        ContinueFuture {
            inner: self.inner.call(call),
            again,
        }
    }
}

pin_project! {
    /// The answer of [`Continue`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ContinueFuture<S, R>
    where
        S: Service<Call<R>>,
    {
        #[pin]
        inner: S::Future,
        again: Option<Again<S, R>>,
    }
}

impl<S, R> Future for ContinueFuture<S, R>
where
    R: LlmRequest + Clone + Send + 'static,
    S: Service<Call<R>, Future: Send> + Clone + Send + 'static,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(cx)).map_err(Error::from_any)?;
        if let Some(again) = this.again.take() {
            answer.wrap_stream(|chunks| ChunkStream::new(Continued::new(chunks, again)));
        }
        Poll::Ready(Ok(answer))
    }
}

impl<S, R> fmt::Debug for ContinueFuture<S, R>
where
    S: Service<Call<R>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueFuture")
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}
