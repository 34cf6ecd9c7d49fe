//! Who may call at all: where there are virtual keys, who has one.
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;

use super::{App, errors, told};
use crate::{api::Api, headers::REQUEST_ID, keys::Caller, refusal::Refusal};

/// Knows the caller by its key, counts the request, and takes the key off. Without keys everyone is let in.
pub(super) async fn admit(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match app.caller(&mut request) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(refusal) => refuse(&app, &request, &refusal),
    }
}

/// Whether this asks which models there are: that costs nothing, is answered here, and is neither counted nor bounded. What is passed on may
/// be a GET, too.
pub(super) fn is_list(request: &Request) -> bool {
    let path = request.uri().path();
    let under = path.strip_prefix("/v1/models");
    request.method() == Method::GET && under.is_some_and(|of| of.is_empty() || of.starts_with('/'))
}

/// Refuses a request before its handler sees it, in the shape of the API that was called.
pub(super) fn refuse(app: &App, request: &Request, refusal: &Refusal) -> Response {
    let id = app.lasting.calls.next();
    tracing::info!(call = &*id, status = refusal.status().as_u16(), %refusal, "refused");
    let api = Api::of_request(request.uri(), request.headers());
    let mut response = errors::refusal(api, refusal);
    told::call(response.headers_mut(), &id);
    if let Some(own) = request.headers().get(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, own.clone());
    }
    response
}

impl App {
    fn caller(&self, request: &mut Request) -> Result<Option<Caller>, Refusal> {
        let Some(keys) = &self.keys else {
            return Ok(None);
        };
        let caller = keys.caller(request.headers_mut())?;
        if !is_list(request) {
            caller.admit()?;
        }
        Ok(Some(caller))
    }
}
