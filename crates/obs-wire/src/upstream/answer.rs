//! From the head of an answer to the answer.
use std::sync::{Arc, atomic::Ordering};

use http::{HeaderMap, StatusCode, header};
use obs_core::{CallContext, ChunkStream, Error, LlmRequest};

use super::{
    Shared,
    body::read,
    headers,
    send::{Head, Outgoing},
    stream::{Events, Expected},
};
use crate::{
    Format, Request, Response, UpstreamError, View,
    answer::{Problem, read_answer},
    error::{AnswerError, AnswerFault, Phase, TransportError},
};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// Sends a request, and gives its answer.
pub(super) async fn ask<F: Format>(
    shared: Arc<Shared>,
    request: &Request<F>,
    context: CallContext,
) -> Result<Response<F>, Error> {
    let adds = shared.adds_usage && !shared.refuses_usage.load(Ordering::Relaxed);
    let with_usage = adds.then(|| request.to_bytes_with_usage()).flatten();
    let outgoing = |body| Outgoing {
        path: F::PATH,
        body,
        passed: request.passed(),
        format: F::HEADERS,
        accept: if request.streams() { EVENTS } else { JSON },
    };
    let mut expects_usage = request.asked_for_usage();
    let head = match with_usage {
        None => shared.post(outgoing(request.to_bytes()), &context).await?,
        Some(body) => match shared.post(outgoing(body), &context).await {
            Err(error) if refuses_usage(&error) => {
                // Whether it complains of this, or of what the caller wrote there, shows now.
                let head = shared.post(outgoing(request.to_bytes()), &context).await?;
                tracing::warn!(
                    base_url = shared.base.shown(),
                    "the provider does not know `stream_options`: the usage of its streams stays unknown"
                );
                shared.refuses_usage.store(true, Ordering::Relaxed);
                head
            }
            result => {
                expects_usage = true;
                result?
            }
        },
    };
    match form(&head, request.streams())? {
        Form::Json => whole(&shared, head).await,
        Form::Events => {
            let kept = headers::kept(&head.headers);
            let expected = Expected {
                choices: request.view().choices(),
                usage: expects_usage,
            };
            let events = ChunkStream::new(Events::new(shared, head, expected));
            Ok(Response::stream(events).with_headers(kept))
        }
    }
}

async fn whole<F: Format>(shared: &Shared, mut head: Head) -> Result<Response<F>, Error> {
    let body = std::mem::take(&mut head.body);
    let body = read(body, shared.limits.answer, &head.url).await?;
    match read_answer::<F>(&body) {
        Ok(facts) => {
            let kept = headers::kept(&head.headers);
            let answer = Response::whole(body).with_facts(facts);
            Ok(answer.with_headers(kept))
        }
        Err(problem) => Err(no_answer(shared, &head, body, problem)),
    }
}

fn no_answer(shared: &Shared, head: &Head, body: bytes::Bytes, problem: Problem) -> Error {
    match problem {
        Problem::Stump(how) => TransportError::error(&head.url, Phase::Body, &how),
        Problem::Malformed(how) => {
            AnswerError::error(&head.url, AnswerFault::Malformed(how.into()))
        }
        Problem::Empty => AnswerError::error(&head.url, AnswerFault::Empty),
        Problem::Error => shared.error_of(head, body),
    }
}

/// How an answer comes.
enum Form {
    Json,
    Events,
}

/// Refuses what cannot be read. A plain answer to a streamed request can be.
fn form(head: &Head, streamed: bool) -> Result<Form, Error> {
    let wrong = |fault| Err(AnswerError::error(&head.url, fault));
    if let Some(how) = text(&head.headers, header::CONTENT_ENCODING)
        && !how.eq_ignore_ascii_case("identity")
    {
        return wrong(AnswerFault::Encoded(how.into()));
    }
    let found = text(&head.headers, header::CONTENT_TYPE);
    let kind = found.map(|found| found.split(';').next().unwrap_or_default().trim());
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some(EVENTS) if streamed => Ok(Form::Events),
        Some(JSON) => Ok(Form::Json),
        Some(kind) if kind.ends_with("+json") => Ok(Form::Json),
        // Without a word on it it is what was asked for, or it is found out to be something else.
        None if streamed => Ok(Form::Events),
        None => Ok(Form::Json),
        Some(_) => wrong(AnswerFault::ContentType {
            found: found.map(|found| found.chars().take(100).collect::<String>().into()),
            expected: if streamed { EVENTS } else { JSON },
        }),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the provider complains about what we added.
fn refuses_usage(error: &Error) -> bool {
    error.find::<UpstreamError>().is_some_and(|error| {
        let names = |word: &str| memchr::memmem::find(error.body(), word.as_bytes()).is_some();
        matches!(
            error.status(),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
        ) && (names("stream_options") || names("include_usage"))
    })
}
