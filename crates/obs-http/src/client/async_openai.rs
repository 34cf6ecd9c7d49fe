//! The layers under async-openai: `Client::with_config(..).with_http_service(outbound)`.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use reqwest::Response;
use tower_service::Service;

use super::Outbound;

/// Retries are for the layers to make: one request is built of each factory.
impl Service<HttpRequestFactory> for Outbound {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let request = factory.build().await?;
            this.execute(request).await.map_err(OpenAIError::Reqwest)
        })
    }
}
