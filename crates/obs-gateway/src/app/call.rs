//! What all endpoints that are answered here have in common.
use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use obs_core::{CacheNote, CacheStatus, Call, Error, LlmRequest, Operation};
use obs_router::Policy as _;
use obs_wire::Format;
use tokio::time::Instant;

use super::{
    App, body, errors,
    line::Line,
    told::{self, Known},
};
use crate::{
    api::Api,
    explain,
    headers::{Asked, REQUEST_ID},
    keys::Caller,
    names::{AUTO, Named, Unheard},
    refusal::Refusal,
};

/// Longest name of a model, in bytes: as for those in the settings.
const LONGEST_MODEL: usize = 256;
/// How many characters of it the log shows.
const SHOWN_MODEL: usize = 128;

/// A request that was read.
pub(super) struct Read {
    pub(super) headers: HeaderMap,
    pub(super) asked: Asked,
    pub(super) body: Bytes,
}

/// Reads headers and body; what is wrong with them is refused.
pub(super) async fn read(app: &App, request: Request) -> Result<Read, Refusal> {
    let (parts, body) = request.into_parts();
    body::expect_json(&parts.headers)?;
    body::expect_plain(&parts.headers)?;
    let mut asked = Asked::read(&parts.headers)?;
    asked.caller = parts.extensions.get().cloned();
    let body = body::read(&parts.headers, body, app.max_body).await?;
    if let Some(caller) = &asked.caller {
        caller.check_others(&body)?;
    }
    Ok(Read {
        headers: parts.headers,
        asked,
        body,
    })
}

impl App {
    /// Puts a request into its envelope.
    pub(super) fn call<R: LlmRequest>(
        &self,
        api: Api,
        id: &Arc<str>,
        request: R,
        headers: &HeaderMap,
        asked: &Asked,
    ) -> Result<Call<R>, Refusal> {
        let named = self.named(api, &request)?;
        if let Some(caller) = &asked.caller {
            caller.check(api, request.model(), named, &self.stacks.names)?;
        }
        let allowed = asked.caller.as_ref().and_then(Caller::routes);
        let names = &self.stacks.names;
        let namespace = names.namespace(api, request.operation(), named, allowed.map(|of| &**of));
        let mut call = Call::new(request)
            .tenant(self.tenant(headers, asked))
            .cache(asked.cache);
        call.context.id = Some(id.clone());
        self.stacks
            .outcomes
            .begins(id, call.context.tenant.as_ref());
        call.context.deadline = asked.deadline.clone();
        call.context.session.clone_from(&asked.session);
        call.context.namespace = namespace;
        call.context.allowed = allowed.cloned();
        if let Some(caller) = &asked.caller {
            call.journal().listen(&caller.payer());
        }
        if self.stacks.figures.cache.is_none() {
            if asked.cache.only_if_cached {
                return Err(Refusal::not_cached());
            }
            let note = CacheNote::new(CacheStatus::Bypass);
            call.journal().with(|report| report.cache = Some(note));
        }
        Ok(call)
    }

    /// Whose cached answers these are.
    pub(super) fn tenant(&self, headers: &HeaderMap, asked: &Asked) -> Arc<str> {
        let divided = asked.tenant.as_deref();
        match &asked.caller {
            Some(caller) => self.tenants.of_key(caller.tenant(), divided),
            None => self.tenants.of(headers, divided),
        }
    }

    pub(super) fn named(&self, api: Api, request: &impl LlmRequest) -> Result<Named, Refusal> {
        if request.model().len() > LONGEST_MODEL {
            let message = format!("model is longer than {LONGEST_MODEL} bytes");
            return Err(Refusal::bad(message).param("model"));
        }
        let names = &self.stacks.names;
        if !names.speaks(api) {
            return Err(Refusal::not_spoken(api));
        }
        match names.called_at(api, request.model()) {
            Ok(Named::Auto) if request.operation() == Operation::Embeddings => {
                let message = format!(
                    "model is `{AUTO}`: embeddings of different models cannot be compared, so that none is chosen for \
                     you; expected the name of a model"
                );
                Err(Refusal::bad(message)
                    .param("model")
                    .code("model_not_chosen"))
            }
            Ok(named) => Ok(named),
            Err(Unheard::OtherApi(at)) => {
                let route = &names.routes()[at].name;
                let others = Api::ALL
                    .into_iter()
                    .find(|api| names.routes()[at].speaks(*api));
                let endpoints = others.map_or("", Api::endpoints);
                let message = format!(
                    "the route `{route}` goes to a provider that does not speak {api}'s API, and nothing is translated: \
                     ask for it at {endpoints}"
                );
                Err(Refusal::bad(message).param("model").code("model_not_here"))
            }
            Err(Unheard::NoRoutes) => {
                let message = format!(
                    "model is `{AUTO}`, and no [[routes]] are set: expected the name of a model"
                );
                Err(Refusal::bad(message)
                    .param("model")
                    .code("model_not_chosen"))
            }
        }
    }
}

/// The line that the log will have of a call.
pub(super) fn line<R: LlmRequest>(app: &App, api: Api, call: &Call<R>, asked: &Asked) -> Line {
    app.remember(call);
    let context = &call.context;
    Line {
        page: app.page.clone(),
        call: context.id.clone().unwrap_or_default(),
        request: asked.request_id.clone(),
        key: asked.caller.as_ref().map(|caller| caller.name().clone()),
        tenant: context.tenant.clone().unwrap_or_default(),
        operation: call.request.operation(),
        model: shown(call.request.model()).into(),
        stream: call.request.streams(),
        journal: call.journal(),
        start: Instant::now(),
        status: None,
        error: None,
        explained: explained(app, api, call, asked),
    }
}

/// What the decision on this call rests on, for a caller who asks and for the log of those who look closely.
fn explained<R: LlmRequest>(
    app: &App,
    api: Api,
    call: &Call<R>,
    asked: &Asked,
) -> Option<HeaderValue> {
    let logs = tracing::enabled!(tracing::Level::DEBUG);
    if !(asked.explain || logs) || call.request.model() != AUTO {
        return None;
    }
    let policy = app.stacks.router(api)?.policy();
    let told = policy.explain(&call.request, &call.context);
    let told = match &call.context.allowed {
        Some(routes) => Some(explain::among(routes, told)),
        None => told,
    };
    let told = explain::explained(&told?);
    tracing::debug!(
        call = call.context.id.as_deref(),
        explanation = told,
        "decided"
    );
    asked.explain.then(|| HeaderValue::from_str(&told).ok())?
}

fn shown(model: &str) -> &str {
    let end = model.char_indices().nth(SHOWN_MODEL);
    end.map_or(model, |(end, _)| &model[..end])
}

/// A whole answer.
pub(super) fn whole(headers: HeaderMap, body: Bytes, mut line: Line) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = headers;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    told::report(
        response.headers_mut(),
        &line.journal,
        Known::All(line.operation),
    );
    told::explained(response.headers_mut(), line.explained.take());
    line.status = Some(StatusCode::OK);
    response
}

/// A call that failed before there was an answer.
pub(super) fn failed<F: Format>(api: Api, error: &Error, mut line: Line) -> Response {
    let mut response = errors::response::<F>(api, error);
    told::report(
        response.headers_mut(),
        &line.journal,
        Known::All(line.operation),
    );
    told::explained(response.headers_mut(), line.explained.take());
    line.status = Some(response.status());
    line.error = Some(error.kind().as_str());
    response
}

/// Names the call in its answer, whatever that is. The caller's own name for it comes back where the provider has not
/// given one.
pub(super) fn named(
    api: Api,
    id: &Arc<str>,
    request_id: Option<&HeaderValue>,
    answer: Result<Response, Refusal>,
) -> Response {
    let mut response = answer.unwrap_or_else(|refusal| {
        // Its words name fields and models, never what is asked.
        tracing::info!(call = &**id, status = refusal.status().as_u16(), %refusal, "refused");
        errors::refusal(api, &refusal)
    });
    told::call(response.headers_mut(), id);
    if let (Some(own), false) = (request_id, response.headers().contains_key(REQUEST_ID)) {
        response.headers_mut().insert(REQUEST_ID, own.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_the_beginning_of_a_long_name() {
        assert_eq!(shown("gpt-4o"), "gpt-4o");
        assert_eq!(shown(&"ü".repeat(200)), "ü".repeat(SHOWN_MODEL));
    }
}
