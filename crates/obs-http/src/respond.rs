//! Answers and errors of a stack as those of HTTP.
use http::{HeaderName, HeaderValue, Response, header};
use obs_core::{Error, ErrorKind, Journal};
use obs_wire::{Content, EventBody, Format, error_response};

use crate::{Body, Told, read, report};

/// What is to be known of a request when it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) streams: bool,
    pub(crate) usage: bool,
}

/// Answers over HTTP what a stack answered, in the form that was asked for: a whole answer as JSON, a stream as events; with
/// the provider's own headers, and what [`report`](crate::report()) tells.
///
/// An error has the status that suits its kind, or that of the provider, and is told in the shape of the format. `streams` and
/// `usage`: whether the caller asked for a stream, and for its usage.
pub fn respond<F: Format>(
    answered: Result<obs_wire::Response<F>, Error>,
    journal: &Journal,
    streams: bool,
    usage: bool,
) -> Response<Body<F>> {
    let wanted = Wanted { streams, usage };
    match answered.and_then(|answer| answer_of(answer, wanted)) {
        Ok(mut response) => {
            let told = if streams { Told::Begun } else { Told::Ended };
            report(response.headers_mut(), journal, told);
            response
        }
        Err(error) => {
            let mut response = error_response::<F>(&error).map(Body::whole);
            if let Some(status) = read::status(&error) {
                *response.status_mut() = status;
            }
            report(response.headers_mut(), journal, Told::Ended);
            response
        }
    }
}

fn answer_of<F: Format>(
    answer: obs_wire::Response<F>,
    wanted: Wanted,
) -> Result<Response<Body<F>>, Error> {
    let (headers, content) = answer.into_parts();
    let of = HeaderValue::from_static;
    let mut response = match content {
        Content::Whole(body) if !wanted.streams => {
            let mut response = Response::new(Body::whole(body));
            *response.headers_mut() = headers;
            let json = of("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            return Ok(response);
        }
        // A provider, or a cache, may not stream what was asked as a stream.
        content => {
            let chunks = content.into_chunks();
            let chunks = chunks.map_err(|error| Error::new(ErrorKind::Upstream, error))?;
            Response::new(Body::events(EventBody::new(chunks).usage(wanted.usage)))
        }
    };
    *response.headers_mut() = headers;
    // Neither proxies nor browsers hold events back.
    for (name, value) in [
        (header::CONTENT_TYPE, of("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, of("no-cache")),
        (HeaderName::from_static("x-accel-buffering"), of("no")),
    ] {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
