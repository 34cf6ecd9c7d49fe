//! One service for each route.
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Call, Error, ErrorKind};
use pin_project_lite::pin_project;
use tower::util::{Oneshot, ServiceExt};
use tower_service::Service;

/// A service for each route: the innermost service of a stack whose routes are not just models of one provider.
///
/// It dispatches by [`CallContext::route`](obs_core::CallContext::route). It is always ready, and waits for the chosen service in
/// the response future. Services of different types are boxed, for instance as `tower::util::BoxCloneSyncService`.
#[derive(Clone, Debug)]
pub struct Backends<S> {
    routes: Arc<HashMap<Arc<str>, S>>,
    otherwise: Option<S>,
}

impl<S> Backends<S> {
    /// Of each route and its service.
    pub fn new<N: Into<Arc<str>>>(backends: impl IntoIterator<Item = (N, S)>) -> Self {
        let backends = backends
            .into_iter()
            .map(|(route, service)| (route.into(), service));
        Self {
            routes: Arc::new(backends.collect()),
            otherwise: None,
        }
    }

    /// For calls without a route, or with one that has no service here. Unset: these fail with [`NoBackend`].
    #[must_use]
    pub fn otherwise(mut self, service: S) -> Self {
        self.otherwise = Some(service);
        self
    }
}

impl<S, R> Service<Call<R>> for Backends<S>
where
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = BackendFuture<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let route = call.context.route.as_ref();
        let service = route.and_then(|route| self.routes.get(route));
        let state = match service.or(self.otherwise.as_ref()) {
            Some(service) => State::Found {
                call: service.clone().oneshot(call),
            },
            None => State::Missing {
                route: route.cloned(),
            },
        };
        BackendFuture { state }
    }
}

pin_project! {
    /// The answer of [`Backends`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BackendFuture<S, R>
    where
        S: Service<Call<R>>,
    {
        #[pin]
        state: State<S, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R>
    where
        S: Service<Call<R>>,
    {
        Found { #[pin] call: Oneshot<S, Call<R>> },
        Missing { route: Option<Arc<str>> },
    }
}

impl<S, R> Future for BackendFuture<S, R>
where
    S: Service<Call<R>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Found { call } => call.poll(cx).map_err(Error::from_any),
            StateProj::Missing { route } => {
                let error = NoBackend(route.take());
                Poll::Ready(Err(Error::new(ErrorKind::Policy, error)))
            }
        }
    }
}

impl<S, R> fmt::Debug for BackendFuture<S, R>
where
    S: Service<Call<R>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendFuture").finish_non_exhaustive()
    }
}

/// The route of a call has no service in [`Backends`]; the source of an error of the kind [`ErrorKind::Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoBackend(Option<Arc<str>>);

impl NoBackend {
    /// The route; `None` if no router has chosen one.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for NoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(route) => write!(f, "there is no backend for route `{route}`"),
            None => f.write_str("there is no backend for calls without a route"),
        }
    }
}

impl std::error::Error for NoBackend {}
