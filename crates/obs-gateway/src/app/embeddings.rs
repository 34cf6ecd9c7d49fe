//! `POST /v1/embeddings`
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use obs_openai::{EmbeddingRequest, Embeddings};
use tower::ServiceExt;

use super::{
    App,
    call::{self, Read},
};
use crate::{api::Api, headers::REQUEST_ID, refusal::Refusal};

pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let id = app.lasting.calls.next();
    let own = request.headers().get(REQUEST_ID).cloned();
    call::named(
        Api::OpenAi,
        &id,
        own.as_ref(),
        embed(&app, &id, request).await,
    )
}

async fn embed(app: &App, id: &Arc<str>, request: Request) -> Result<Response, Refusal> {
    let Read {
        headers,
        asked,
        body,
    } = call::read(app, request).await?;
    let request = EmbeddingRequest::parse(body)?.headers(&headers);
    let call = app.call(Api::OpenAi, id, request, &headers, &asked)?;
    let line = call::line(app, Api::OpenAi, &call, &asked);
    Ok(match app.stacks.embeddings.clone().oneshot(call).await {
        Ok(answer) => {
            let (headers, body) = answer.into_parts();
            call::whole(headers, body, line)
        }
        Err(error) => call::failed::<Embeddings>(Api::OpenAi, &error, line),
    })
}
