//! Layers around a client of tonic's.
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{StreamExt, TryFutureExt};
use obs_core::{Call, CallContext, ChunkStream, Error};
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use tower_service::Service;

use crate::{metadata::inject, status::error};

/// A method of a generated client as the service under the layers: a message in a [`Call`] goes out with the time that is left,
/// tenant and session in its metadata, and the message that comes back is the answer. A [`Status`] is mapped by
/// [`error`](crate::error()).
///
/// Put it under `AttemptLayer::enveloped`, so that it sees the circumstances of the call.
#[derive(Clone)]
pub struct Remote<M> {
    method: M,
    prepare: Option<Prepare>,
}

type Prepare = Arc<dyn Fn(&CallContext, &mut MetadataMap) + Send + Sync>;

/// As [`Remote`], of a method that streams its answer. `A` is made of the stream of messages.
pub struct Streamed<M, A> {
    remote: Remote<M>,
    answer: PhantomData<fn() -> A>,
}

/// The future of [`Remote`].
// In a box, for the future of a generated client has no name.
#[must_use = "futures do nothing unless polled"]
pub struct RemoteFuture<A>(Answering<A>);

/// The future of [`Streamed`].
pub type StreamedFuture<A> = RemoteFuture<A>;

type Answering<A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send>>;

impl<M> Remote<M> {
    /// Of a method: `|request| { let mut client = client.clone(); async move { client.ask(request).await } }`.
    pub const fn new(method: M) -> Self {
        Self {
            method,
            prepare: None,
        }
    }

    /// Writes more into the metadata of each request, such as a credential, or the context of a trace.
    #[must_use]
    pub fn prepare(
        mut self,
        write: impl Fn(&CallContext, &mut MetadataMap) + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Some(Arc::new(write));
        self
    }

    /// The method streams its answer.
    #[must_use]
    pub const fn streamed<A>(self) -> Streamed<M, A> {
        Streamed {
            remote: self,
            answer: PhantomData,
        }
    }

    fn request<R>(&self, call: Call<R>) -> Result<Request<R>, Error> {
        let mut request = Request::new(call.request);
        inject(&call.context, request.metadata_mut())?;
        if let Some(prepare) = &self.prepare {
            prepare(&call.context, request.metadata_mut());
        }
        Ok(request)
    }
}

impl<A> RemoteFuture<A> {
    fn new(answering: impl Future<Output = Result<A, Error>> + Send + 'static) -> Self {
        Self(Box::pin(answering))
    }

    fn refused(error: Error) -> Self
    where
        A: Send + 'static,
    {
        Self::new(std::future::ready(Err(error)))
    }
}

impl<M, R, A, Fut> Service<Call<R>> for Remote<M>
where
    M: FnMut(Request<R>) -> Fut,
    Fut: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    A: Send + 'static,
{
    type Response = A;
    type Error = Error;
    type Future = RemoteFuture<A>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> RemoteFuture<A> {
        match self.request(call) {
            Ok(request) => {
                let answering = (self.method)(request);
                RemoteFuture::new(answering.map_ok(Response::into_inner).map_err(error))
            }
            Err(error) => RemoteFuture::refused(error),
        }
    }
}

impl<M, R, C, A, Fut> Service<Call<R>> for Streamed<M, A>
where
    M: FnMut(Request<R>) -> Fut,
    Fut: Future<Output = Result<Response<Streaming<C>>, Status>> + Send + 'static,
    C: Send + 'static,
    A: From<ChunkStream<C>> + Send + 'static,
{
    type Response = A;
    type Error = Error;
    type Future = StreamedFuture<A>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> StreamedFuture<A> {
        match self.remote.request(call) {
            Ok(request) => {
                let answering = (self.remote.method)(request);
                RemoteFuture::new(answering.map_err(error).map_ok(|response| {
                    let messages = response.into_inner();
                    ChunkStream::new(messages.map(|message| message.map_err(error))).into()
                }))
            }
            Err(error) => RemoteFuture::refused(error),
        }
    }
}

impl<A> Future for RemoteFuture<A> {
    type Output = Result<A, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<M: Clone, A> Clone for Streamed<M, A> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            answer: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Remote<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl<M, A> fmt::Debug for Streamed<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for RemoteFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteFuture").finish_non_exhaustive()
    }
}
