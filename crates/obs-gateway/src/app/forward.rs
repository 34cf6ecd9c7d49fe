//! Endpoints of the provider that are not known here.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_core::Stream;
use obs_anthropic::Messages;
use obs_core::{Call, ChunkStream, Error};
use obs_openai::Chat;
use tower::ServiceExt;

use super::{App, body, call, line::Line};
use crate::{
    api::Api,
    forwarded::{ForwardedRequest, Piece},
    headers::{Asked, REQUEST_ID},
    refusal::Refusal,
};

/// Passes a request on to the first provider that speaks its interface, and its answer back, byte for byte.
pub(super) async fn pass(State(app): State<Arc<App>>, request: Request) -> Response {
    let id = app.lasting.calls.next();
    let own = request.headers().get(REQUEST_ID).cloned();
    let api = Api::of_request(request.uri(), request.headers());
    call::named(
        api,
        &id,
        own.as_ref(),
        forward(&app, api, &id, request).await,
    )
}

async fn forward(
    app: &App,
    api: Api,
    id: &Arc<str>,
    request: Request,
) -> Result<Response, Refusal> {
    let mut asked = Asked::read(request.headers())?;
    asked.caller = request.extensions().get().cloned();
    if let Some(caller) = &asked.caller {
        caller.check_other()?;
    }
    let tenant = app.tenant(request.headers(), &asked);
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, app.max_body).await?;
    let mut call = Call::new(ForwardedRequest::new(parts, body)).tenant(tenant);
    call.context.id = Some(id.clone());
    call.context.deadline = asked.deadline.clone();
    let mut line = call::line(app, api, &call, &asked);
    Ok(match app.stacks.forward.clone().oneshot(call).await {
        Ok(answer) => {
            line.status = Some(answer.head.status);
            let body = answer.body.map(|pieces| {
                let line = Some(line);
                Body::from_stream(Pieces { pieces, line })
            });
            Response::from_parts(answer.head, body.unwrap_or_default())
        }
        Err(error) => match api {
            Api::OpenAi => call::failed::<Chat>(api, &error, line),
            Api::Anthropic => call::failed::<Messages>(api, &error, line),
        },
    })
}

/// The body of an answer. An error breaks the connection off, so that nobody takes a part for the whole.
struct Pieces {
    pieces: ChunkStream<Piece>,
    line: Option<Line>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(Pin::new(&mut self.pieces).poll_next(cx));
        if let (Some(Err(error)), Some(line)) = (&piece, &mut self.line) {
            line.error = Some(error.kind().as_str());
        }
        if piece.is_none() {
            self.line = None;
        }
        Poll::Ready(piece.map(|piece| piece.map(|Piece { bytes, .. }| bytes)))
    }
}
