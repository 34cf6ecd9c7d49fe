//! Requests that are passed on as they are.
use std::{
    fmt,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use obs_core::{BoxError, Error, ErrorKind};

use super::{
    Upstream,
    body::read_some,
    headers::{self, DEADLINE},
};
use crate::{
    error::{Phase, TransportError, causes},
    request::is_identity,
};

/// The body of an answer that is passed on while it comes. Dropping it ends the request.
pub struct ForwardBody {
    inner: reqwest::Body,
    url: Box<str>,
}

impl Upstream {
    /// Passes a request on as it is, for endpoints that are not known here, and gives whatever is answered: errors are
    /// answers.
    ///
    /// The path and query of the request are added to the base URL; a leading `/v1` stands for the path of the base. Left
    /// out are the headers of one connection, cookies, and those that begin with `x-obs-` save [`DEADLINE`], which goes out
    /// as it is given here (see [`tell_deadline`](Self::tell_deadline)); of the upstream's own key and headers the same holds as for other requests. Both bodies are streamed, of any size, and no time limit is set. Where the provider refuses the upstream's
    /// own key (401, 403), its words are read, as far as those of other errors, and the key is taken out of them.
    ///
    /// # Errors
    ///
    /// The path leads out of the base URL ([`ErrorKind::Caller`]), there is no connection ([`ErrorKind::Connect`]), or it
    /// was lost ([`ErrorKind::CutOff`], also from the body).
    pub async fn forward<B>(&self, request: Request<B>) -> Result<Response<ForwardBody>, Error>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let shared = &self.shared;
        let (parts, body) = request.into_parts();
        let url = shared.base.forwarded(parts.uri.path(), parts.uri.query());
        let url = url.ok_or_else(|| {
            let problem = format!(
                "the path `{}` is not one of the provider's",
                parts.uri.path()
            );
            Error::new(ErrorKind::Caller, problem)
        })?;
        let mut outgoing = reqwest::Request::new(parts.method, url);
        for (name, value) in &headers::end_to_end(&parts.headers) {
            if self.passes(name) {
                outgoing.headers_mut().append(name, value.clone());
            }
        }
        shared.identify(outgoing.headers_mut());
        // A body that is known to be empty would get a length or an encoding all the same.
        if !body.is_end_stream() {
            *outgoing.body_mut() = Some(reqwest::Body::wrap(Shareable(Mutex::new(body))));
        }
        let mut head = shared.execute(outgoing).await?;
        let mut headers = headers::end_to_end(&head.headers);
        let is_refused = matches!(
            head.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        if is_refused && shared.key.is_some() {
            let body = std::mem::take(&mut head.body);
            let body = read_some(body, shared.limits.error).await;
            head.body = shared.without_key(body).into();
            headers.remove(header::CONTENT_LENGTH);
        }
        let mut response = Response::new(ForwardBody {
            inner: head.body,
            url: head.url,
        });
        *response.status_mut() = head.status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    fn passes(&self, name: &HeaderName) -> bool {
        let is_ours = (name.as_str().starts_with("x-obs-") && *name != DEADLINE)
            || *name == header::COOKIE
            || *name == header::CONTENT_LENGTH;
        let is_callers = self.shared.key.is_some() && is_identity(name);
        !(is_ours || is_callers)
    }
}

impl Body for ForwardBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                TransportError::error(&this.url, Phase::Body, &causes(&error.without_url()))
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for ForwardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardBody")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The client wants bodies that can be shared, and those of servers cannot. Nobody else ever has the lock.
struct Shareable<B>(Mutex<B>);

impl<B> Shareable<B> {
    fn lock(&self) -> MutexGuard<'_, B> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body + Unpin> Body for Shareable<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.get_mut().0.get_mut();
        Pin::new(body.unwrap_or_else(PoisonError::into_inner)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
