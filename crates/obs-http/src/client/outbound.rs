//! The layers under reqwest.
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use obs_core::{Call, Deadline, Error};
use obs_wire::{Ask, Format};
use reqwest::{Request, Response, ResponseBuilderExt, Url};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::Endpoint;

/// What a [`reqwest::Client`] does, with stacks of layers under the endpoints that it asks.
///
/// A `POST` to the path of an endpoint's format, such as `/v1/chat/completions`, goes to its stack, and everything else to the
/// client: `/v1/threads/…/messages` is no `/v1/messages`. `/v1` is what comes before it, unless a [base URL](Self::base_url) says
/// something else. What the stack is asked is read from the request: its headers are those of a caller (the credential, which goes on
/// to the provider where the upstream has no key of its own, `Cache-Control`, `x-obs-tenant`, `x-obs-session`,
/// `x-obs-deadline-ms`), and its timeout is a deadline. Where it goes is what the upstream inside the stack says, and not the
/// host in the URL. A body that is a stream cannot be read twice: such a request goes to the client too.
///
/// An error of the stack comes back as the provider would have told it: as a response with a status and an error object.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    endpoints: Arc<[Mounted]>,
    /// What comes before the path of a format, without a slash at its end.
    base: Arc<str>,
}

#[derive(Clone)]
struct Mounted {
    path: &'static str,
    endpoint:
        BoxCloneSyncService<http::Request<Full<Bytes>>, http::Response<reqwest::Body>, Infallible>,
}

/// The future of [`Outbound`]. Dropping it ends the call.
// In a box, for what it waits for one after the other has no names.
#[must_use = "futures do nothing unless polled"]
pub struct OutboundFuture(Pin<Box<dyn Future<Output = Result<Response, reqwest::Error>> + Send>>);

impl Outbound {
    /// Everything goes to this client, for now.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self {
            client,
            endpoints: Arc::default(),
            base: "/v1".into(),
        }
    }

    /// Requests are made with this base URL, such as `https://openrouter.ai/api/v1`: its path is what comes before that of a format. Its
    /// host makes no difference. Unset: `/v1`.
    #[must_use]
    pub fn base_url(self, url: &Url) -> Self {
        Self {
            base: url.path().trim_end_matches('/').into(),
            ..self
        }
    }

    /// Requests of this format go through the stack of this endpoint.
    #[must_use]
    pub fn through<R, S>(self, endpoint: Endpoint<R, S>) -> Self
    where
        R: Ask + From<obs_wire::Request<R::Format>>,
        S: Service<Call<R>, Response = R::Answer, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send,
        R::Answer: Into<obs_wire::Response<R::Format>>,
    {
        let streamed = |response: http::Response<crate::Body<R::Format>>| {
            response.map(reqwest::Body::wrap_stream)
        };
        let endpoint = ServiceExt::<http::Request<Full<Bytes>>>::map_response(endpoint, streamed);
        let mounted = Mounted {
            path: R::Format::PATH,
            endpoint: BoxCloneSyncService::new(endpoint),
        };
        Self {
            endpoints: self.endpoints.iter().cloned().chain([mounted]).collect(),
            ..self
        }
    }

    /// As [`reqwest::Client::execute`].
    ///
    /// # Errors
    /// Those of the client, for requests that go to it.
    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        let Some(mounted) = self.mounted(&request) else {
            return self.client.execute(request).await;
        };
        let url = request.url().clone();
        let answered = mounted.endpoint.clone().oneshot(incoming(request)).await;
        let answer = answered.unwrap_or_else(|never| match never {});
        Ok(outgoing(url, answer))
    }

    fn mounted(&self, request: &Request) -> Option<&Mounted> {
        // No body is none that could be read.
        request.body()?.as_bytes()?;
        let path = request.url().path().strip_prefix(&*self.base)?;
        let mounted = self.endpoints.iter().find(|mounted| mounted.path == path);
        mounted.filter(|_| request.method() == Method::POST)
    }
}

/// The request as its receiver would have it.
fn incoming(mut request: Request) -> http::Request<Full<Bytes>> {
    let bytes = request.body().and_then(reqwest::Body::as_bytes);
    let body = Bytes::copy_from_slice(bytes.unwrap_or_default());
    let limit = request.timeout().copied();
    let headers = request.headers_mut();
    if let Some(limit) = limit {
        let told = Deadline::extract(|name| headers.get(name)?.to_str().ok()).unwrap_or_default();
        let deadline = told.within(limit, std::time::Duration::ZERO);
        headers.remove(Deadline::GRPC_HEADER);
        if let Some(millis) = deadline.to_millis() {
            headers.insert(Deadline::HTTP_HEADER, millis.into());
        }
    }
    let mut received = http::Request::new(Full::new(body));
    *received.method_mut() = request.method().clone();
    std::mem::swap(received.headers_mut(), request.headers_mut());
    received
}

fn outgoing(url: Url, answer: http::Response<reqwest::Body>) -> Response {
    let (parts, body) = answer.into_parts();
    let built = http::Response::builder().status(parts.status).url(url);
    let mut response = built.body(body).expect("a status and a URL are fine");
    *response.headers_mut() = parts.headers;
    response.into()
}

impl Service<Request> for Outbound {
    type Response = Response;
    type Error = reqwest::Error;
    type Future = OutboundFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), reqwest::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> OutboundFuture {
        let this = self.clone();
        OutboundFuture(Box::pin(async move { this.execute(request).await }))
    }
}

impl Future for OutboundFuture {
    type Output = Result<Response, reqwest::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.endpoints.iter().map(|mounted| mounted.path);
        f.debug_struct("Outbound")
            .field("endpoints", &paths.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OutboundFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundFuture").finish_non_exhaustive()
    }
}
