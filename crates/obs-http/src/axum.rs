//! For handlers of one's own in axum: what comes in, and what goes out.
use axum_core::{
    body::Body as AxumBody,
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use obs_core::{Call, CallContext, Error, Journal, LlmRequest};
use obs_wire::{Ask, Format};

use tower::ServiceExt;
use tower_service::Service;

use crate::{InvalidHeader, Tenant, TenantBy, circumstances, read, respond};

/// Longest body of a request.
const MAX_BODY: usize = 10 << 20;

/// The circumstances of a call, from the headers of a request: tenant, session, deadline, cache directives. See
/// [`circumstances`](crate::circumstances()).
///
/// The tenant is that of the extension [`Tenant`], else by the caller's credential.
#[derive(Clone, Debug)]
pub struct Circumstances(pub CallContext);

/// A call as it was asked: the request from the body, the circumstances from the headers.
#[derive(Debug)]
pub struct Asked<R>(pub Call<R>);

/// What a stack answered, as a response: JSON, or events.
#[derive(Debug)]
#[must_use = "an answer is sent by being returned"]
pub struct Answer<F: Format> {
    answer: obs_wire::Response<F>,
    journal: Journal,
    streams: bool,
    usage: bool,
}

/// An error of a stack as a response in the shape of the format.
#[derive(Debug)]
pub struct Failure<F: Format> {
    error: Error,
    journal: Journal,
    format: std::marker::PhantomData<fn() -> F>,
}

fn context(parts: &Parts) -> Result<CallContext, InvalidHeader> {
    let mut context = circumstances(&parts.headers, TenantBy::Credential)?;
    if let Some(Tenant(tenant)) = parts.extensions.get() {
        context.tenant = Some(tenant.clone());
    }
    Ok(context)
}

impl<S: Sync> FromRequestParts<S> for Circumstances {
    type Rejection = InvalidHeader;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, InvalidHeader> {
        context(parts).map(Self)
    }
}

/// 400, in plain words.
impl IntoResponse for InvalidHeader {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

impl<R, S> FromRequest<S> for Asked<R>
where
    R: Ask + From<obs_wire::Request<R::Format>>,
    S: Sync,
{
    type Rejection = Failure<R::Format>;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let context = context(&parts).map_err(Error::from)?;
        let body = read::json(&parts.headers, body, MAX_BODY).await?;
        let request = obs_wire::Request::parse(body).map_err(Error::from)?;
        let request = request.headers(&parts.headers);
        Ok(Self(Call::with_context(request.into(), context)))
    }
}

impl<R> Asked<R>
where
    R: Ask,
    R::Answer: Into<obs_wire::Response<R::Format>>,
{
    /// Asks a stack.
    ///
    /// # Errors
    /// That of the stack, as a response.
    pub async fn ask<S>(self, stack: S) -> Result<Answer<R::Format>, Failure<R::Format>>
    where
        S: Service<Call<R>, Response = R::Answer, Error = Error>,
    {
        let Self(call) = self;
        let journal = call.journal();
        let request = call.request.request();
        let (streams, usage) = (request.streams(), request.asked_for_usage());
        match stack.oneshot(call).await {
            Ok(answer) => Ok(Answer {
                answer: answer.into(),
                journal,
                streams,
                usage,
            }),
            Err(error) => Err(Failure {
                journal,
                ..error.into()
            }),
        }
    }
}

impl<F: Format> From<Error> for Failure<F> {
    fn from(error: Error) -> Self {
        Self {
            error,
            journal: Journal::default(),
            format: std::marker::PhantomData,
        }
    }
}

impl<F: Format> IntoResponse for Answer<F> {
    fn into_response(self) -> Response {
        respond(Ok(self.answer), &self.journal, self.streams, self.usage).map(AxumBody::new)
    }
}

impl<F: Format> IntoResponse for Failure<F> {
    fn into_response(self) -> Response {
        respond::<F>(Err(self.error), &self.journal, false, false).map(AxumBody::new)
    }
}
