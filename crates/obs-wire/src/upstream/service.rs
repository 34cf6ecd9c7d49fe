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
use crate::Ask;

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
    fn ask<R: Ask>(&self, request: R, context: CallContext) -> ResponseFuture<R::Answer> {
        let shared = Arc::clone(&self.shared);
        ResponseFuture(Box::pin(async move {
            let answer = answer::ask(shared, request.request(), context).await?;
            Ok(answer.into())
        }))
    }
}

impl<R: Ask> Service<Call<R>> for Upstream {
    type Response = R::Answer;
    type Error = Error;
    type Future = ResponseFuture<R::Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        self.ask(call.request, call.context)
    }
}

/// In no particular circumstances: without a deadline.
impl<R: Ask> Service<R> for Upstream {
    type Response = R::Answer;
    type Error = Error;
    type Future = ResponseFuture<R::Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.ask(request, CallContext::default())
    }
}
