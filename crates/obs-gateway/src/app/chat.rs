//! `POST /v1/chat/completions`
use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use obs_core::{Error, LlmRequest};
use obs_openai::{ChatBody, ChatRequest, ChatResponse};
use tokio::time::timeout;
use tower::ServiceExt;

use super::{
    App,
    call::{self, Read},
    events::{Answering, Events, How},
    line::Line,
    told,
};
use crate::{headers::REQUEST_ID, refusal::Refusal};

pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let id = app.calls.next();
    let own = request.headers().get(REQUEST_ID).cloned();
    call::named(&id, own.as_ref(), chat(&app, &id, request).await)
}

async fn chat(app: &App, id: &Arc<str>, request: Request) -> Result<Response, Refusal> {
    let Read {
        headers,
        asked,
        body,
    } = call::read(app, request).await?;
    let request = ChatRequest::parse(body)?.headers(&headers);
    let call = app.call(id, request, &headers, &asked)?;
    let line = call::line(app, &call, &asked);
    let streams = call.request.streams();
    let how = How {
        usage: call.request.asked_for_usage(),
        report: asked.report,
        journal: call.journal(),
    };
    let mut answering: Answering = Box::pin(app.stacks.chat.clone().oneshot(call));
    let keep_alive = app.keep_alive.filter(|_| streams);
    let answered = match keep_alive {
        None => answering.await,
        Some(every) => match timeout(every, &mut answering).await {
            Ok(answered) => answered,
            // A load balancer would take the silence for death: what headers would have told is lost.
            Err(_) => {
                let mut response = events(Events::waiting(answering, every, how, line));
                response.headers_mut().extend(stream_headers());
                return Ok(response);
            }
        },
    };
    Ok(respond(answered, streams, how, line))
}

fn respond(answered: Result<ChatResponse, Error>, streams: bool, how: How, line: Line) -> Response {
    match answered.map(ChatResponse::into_parts) {
        Ok((headers, ChatBody::Whole(body))) if !streams => call::whole(headers, body, line),
        Ok((headers, body)) => {
            let journal = how.journal.clone();
            let mut response = events(Events::of(body, how, line));
            *response.headers_mut() = headers;
            response.headers_mut().extend(stream_headers());
            told::report(response.headers_mut(), &journal, told::Known::Head);
            response
        }
        Err(error) => call::failed(&error, line),
    }
}

fn events(events: Events) -> Response {
    Response::new(Body::from_stream(events))
}

/// Neither proxies nor browsers hold events back.
fn stream_headers() -> HeaderMap {
    let of = HeaderValue::from_static;
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, of("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, of("no-cache")),
        (
            header::HeaderName::from_static("x-accel-buffering"),
            of("no"),
        ),
    ])
}
