//! A stack as a service of HTTP.
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use obs_core::{BoxError, Call, CallContext, Error, LlmRequest};
use obs_wire::{Ask, Format};
use tower::ServiceExt;
use tower_service::Service;

use crate::{Body, Tenant, TenantBy, circumstances, read, respond};

/// Longest body of a request, unless told.
const MAX_BODY: usize = 10 << 20;

/// A stack of layers as a service of HTTP requests, to be mounted in axum (`Router::route_service`) or under any server of
/// hyper's.
///
/// `R` is a request of a wire format, such as `obs_openai::ChatRequest`; `S` answers [`Call`]s of it. It looks at headers and body
/// alone: where it is mounted, and for which method, is for the router to say. Clones share nothing but what clones of the
/// stack share.
///
/// Who asks, and until when, is read from the headers ([`circumstances`](crate::circumstances())); [`Tenant`] in the extensions
/// of a request stands over what its headers say. What comes back is in the shape of the format, errors too.
pub struct Endpoint<R, S> {
    stack: S,
    settings: Settings,
    request: PhantomData<fn() -> R>,
}

#[derive(Clone)]
struct Settings {
    tenants: TenantBy,
    max_body: usize,
    context: Option<Adjust>,
}

type Adjust = Arc<dyn Fn(&Parts, &mut CallContext) + Send + Sync>;

/// The future of [`Endpoint`]. Dropping it ends the call.
// In a box, for what it waits for one after the other has no names.
#[must_use = "futures do nothing unless polled"]
pub struct EndpointFuture<F: Format>(Answering<F>);

type Answering<F> = Pin<Box<dyn Future<Output = Response<Body<F>>> + Send>>;

impl<R, S> Endpoint<R, S> {
    /// Answers with this stack.
    pub const fn new(stack: S) -> Self {
        Self {
            stack,
            settings: Settings {
                tenants: TenantBy::Credential,
                max_body: MAX_BODY,
                context: None,
            },
            request: PhantomData,
        }
    }

    /// Tells tenants apart like this; by their credentials, unless told.
    #[must_use]
    pub const fn tenants(mut self, by: TenantBy) -> Self {
        self.settings.tenants = by;
        self
    }

    /// Refuses bodies of more bytes; 10 MiB unless told.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// Has the last word on the circumstances of each call: its id, its namespace, a tenant of one's own.
    #[must_use]
    pub fn context(
        mut self,
        adjust: impl Fn(&Parts, &mut CallContext) + Send + Sync + 'static,
    ) -> Self {
        self.settings.context = Some(Arc::new(adjust));
        self
    }
}

impl Settings {
    /// Reads a call.
    async fn read<R, B>(&self, request: Request<B>) -> Result<Call<R>, Error>
    where
        R: Ask + From<obs_wire::Request<R::Format>>,
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let mut context = circumstances(&parts.headers, self.tenants)?;
        if let Some(Tenant(tenant)) = parts.extensions.get() {
            context.tenant = Some(tenant.clone());
        }
        if let Some(adjust) = &self.context {
            adjust(&parts, &mut context);
        }
        let body: Bytes = read::json(&parts.headers, body, self.max_body).await?;
        let request = obs_wire::Request::parse(body)?.headers(&parts.headers);
        Ok(Call::with_context(request.into(), context))
    }
}

impl<R, S, B> Service<Request<B>> for Endpoint<R, S>
where
    R: Ask + From<obs_wire::Request<R::Format>>,
    S: Service<Call<R>, Response = R::Answer, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    R::Answer: Into<obs_wire::Response<R::Format>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body<R::Format>>;
    type Error = Infallible;
    type Future = EndpointFuture<R::Format>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (stack, settings) = (self.stack.clone(), self.settings.clone());
        EndpointFuture(Box::pin(async move {
            match settings.read::<R, B>(request).await {
                Ok(call) => {
                    let journal = call.journal();
                    let request = call.request.request();
                    let (streams, usage) = (request.streams(), request.asked_for_usage());
                    let answered = stack.oneshot(call).await.map(Into::into);
                    respond(answered, &journal, streams, usage)
                }
                Err(error) => respond(Err(error), &Default::default(), false, false),
            }
        }))
    }
}

impl<F: Format> Future for EndpointFuture<F> {
    type Output = Result<Response<Body<F>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl<R, S: Clone> Clone for Endpoint<R, S> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            settings: self.settings.clone(),
            request: PhantomData,
        }
    }
}

impl<R, S> fmt::Debug for Endpoint<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("tenants", &self.settings.tenants)
            .field("max_body", &self.settings.max_body)
            .finish_non_exhaustive()
    }
}

impl<F: Format> fmt::Debug for EndpointFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}
