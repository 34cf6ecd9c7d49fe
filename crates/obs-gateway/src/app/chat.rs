//! `POST /v1/chat/completions`, `/v1/responses` and `/v1/messages`
use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use obs_core::{CacheNote, CacheStatus, Call, Error, LlmRequest};
use obs_wire::{Ask, Content};
use tokio::time::timeout;
use tower::ServiceExt;

use super::{
    App,
    call::{self, Read},
    endpoint::Endpoint,
    events::{Answering, Events, How},
    forward,
    line::Line,
    told,
};
use crate::{
    api::Api,
    headers::REQUEST_ID,
    made::Kept,
    names::{AUTO, Named},
    refusal::Refusal,
};

pub(super) async fn answer<E: Endpoint>(State(app): State<Arc<App>>, request: Request) -> Response {
    if E::API != Api::OpenAi && !app.stacks.names.speaks(E::API) {
        // Some providers of OpenAI's interface have others besides.
        return forward::pass(State(app), request).await;
    }
    let id = app.lasting.calls.next();
    let own = request.headers().get(REQUEST_ID).cloned();
    let answered = ask::<E>(&app, &id, request).await;
    call::named(E::API, &id, own.as_ref(), answered)
}

async fn ask<E: Endpoint>(app: &App, id: &Arc<str>, request: Request) -> Result<Response, Refusal> {
    let Read {
        headers,
        asked,
        body,
    } = call::read(app, request).await?;
    let request = E::parse(body, &headers)?;
    let is_bound = !request.request().is_movable();
    let mut call = app.call(E::API, id, request, &headers, &asked)?;
    let bound = is_bound.then(|| app.bound::<E>(&call)).transpose()?;
    // What is refused has no line.
    let line = call::line(app, E::API, &call, &asked);
    let stacks = E::stacks(&app.stacks);
    let stack = match bound {
        Some(to) => {
            app.bind::<E>(&mut call, to);
            &stacks.bound
        }
        None => &stacks.all,
    };
    let streams = call.request.streams();
    let how = How {
        usage: call.request.request().asked_for_usage(),
        report: asked.report,
        journal: call.journal(),
    };
    let mut answering: Answering<E> = Box::pin(stack.clone().oneshot(call));
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
    Ok(respond::<E>(answered, streams, how, line))
}

impl App {
    /// Where a request goes that goes on with what one provider keeps: to the provider of the route that it names, to the one that made the
    /// response that it goes on with, or to the first one (`None`). No other would know of it. Nobody goes on with another tenant's response.
    fn bound<E: Endpoint>(&self, call: &Call<E::Request>) -> Result<Option<usize>, Refusal> {
        let made = self.made::<E>(call)?;
        let to = match (self.named(E::API, &call.request)?, made) {
            (Named::Route(at), _) | (Named::Auto, Some(at)) => Some(at),
            (Named::Other, _) => None,
            (Named::Auto, None) => {
                let message = format!(
                    "model is `{AUTO}`, and the request goes on with what one provider keeps: expected the name of a \
                     route or model"
                );
                return Err(Refusal::bad(message)
                    .param("model")
                    .code("model_not_chosen"));
            }
        };
        if call.context.cache.only_if_cached {
            return Err(Refusal::not_cached());
        }
        Ok(to)
    }

    fn bind<E: Endpoint>(&self, call: &mut Call<E::Request>, to: Option<usize>) {
        if let Some(at) = to {
            let route = &self.stacks.names.routes()[at];
            call.request.set_model(&route.model);
            call.context.route = Some(route.name.clone());
        }
        let note = CacheNote::new(CacheStatus::Bypass);
        call.journal().with(|report| report.cache = Some(note));
    }

    /// The place of the route that made what a call goes on with, where that is known, and the caller may have it.
    fn made<E: Endpoint>(&self, call: &Call<E::Request>) -> Result<Option<usize>, Refusal> {
        let Some(id) = E::goes_on_with(&call.request) else {
            return Ok(None);
        };
        let by = match self.stacks.made.find(&id, call.context.tenant.as_deref()) {
            Kept::Own(Some(by)) => by,
            Kept::Own(None) | Kept::Unknown => return Ok(None),
            Kept::Another => return Err(Refusal::no_previous(&id)),
        };
        let allowed = call.context.allowed.as_ref();
        if allowed.is_some_and(|allowed| !allowed.contains(&by)) {
            return Ok(None);
        }
        let routes = self.stacks.names.routes();
        Ok(routes.iter().position(|route| route.name == by))
    }
}

fn respond<E: Endpoint>(
    answered: Result<<E::Request as Ask>::Answer, Error>,
    streams: bool,
    how: How,
    line: Line,
) -> Response {
    match answered.map(obs_wire::Response::<E>::into_parts) {
        Ok((headers, Content::Whole(body))) if !streams => call::whole(headers, body, line),
        Ok((headers, content)) => {
            let (journal, mut line) = (how.journal.clone(), line);
            let explained = line.explained.take();
            let mut response = events(Events::of(content, how, line));
            *response.headers_mut() = headers;
            response.headers_mut().extend(stream_headers());
            told::report(response.headers_mut(), &journal, told::Known::Head);
            told::explained(response.headers_mut(), explained);
            response
        }
        Err(error) => call::failed::<E>(E::API, &error, line),
    }
}

fn events<E: Endpoint>(events: Events<E>) -> Response {
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
