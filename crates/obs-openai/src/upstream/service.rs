//! The upstream as a service.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{Call, CallContext, Error};
use tower_service::Service;

use super::{Upstream, answer};
use crate::{ChatRequest, ChatResponse, EmbeddingRequest, EmbeddingResponse};

/// A request under way. Dropping it ends the request.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<T>(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>);

impl<T> Future for ResponseFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for ResponseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl Upstream {
    fn chat(&self, request: ChatRequest, context: CallContext) -> ResponseFuture<ChatResponse> {
        let shared = Arc::clone(&self.shared);
        ResponseFuture(Box::pin(answer::chat(shared, request, context)))
    }

    fn embeddings(
        &self,
        request: EmbeddingRequest,
        context: CallContext,
    ) -> ResponseFuture<EmbeddingResponse> {
        let shared = Arc::clone(&self.shared);
        ResponseFuture(Box::pin(answer::embeddings(shared, request, context)))
    }
}

impl Service<Call<ChatRequest>> for Upstream {
    type Response = ChatResponse;
    type Error = Error;
    type Future = ResponseFuture<ChatResponse>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ChatRequest>) -> Self::Future {
        self.chat(call.request, call.context)
    }
}

impl Service<Call<EmbeddingRequest>> for Upstream {
    type Response = EmbeddingResponse;
    type Error = Error;
    type Future = ResponseFuture<EmbeddingResponse>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<EmbeddingRequest>) -> Self::Future {
        self.embeddings(call.request, call.context)
    }
}

/// In no particular circumstances: without a deadline.
impl Service<ChatRequest> for Upstream {
    type Response = ChatResponse;
    type Error = Error;
    type Future = ResponseFuture<ChatResponse>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ChatRequest) -> Self::Future {
        self.chat(request, CallContext::default())
    }
}

/// In no particular circumstances: without a deadline.
impl Service<EmbeddingRequest> for Upstream {
    type Response = EmbeddingResponse;
    type Error = Error;
    type Future = ResponseFuture<EmbeddingResponse>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: EmbeddingRequest) -> Self::Future {
        self.embeddings(request, CallContext::default())
    }
}
