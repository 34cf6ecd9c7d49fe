//! Who may call at all: where there are virtual keys, who has one.
use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;
use serde_json::json;

use super::{App, errors, told};
use crate::{headers::REQUEST_ID, keys::Caller, refusal::Refusal};

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
        Err(refusal) => {
            let id = app.calls.next();
            tracing::info!(call = &*id, status = refusal.status().as_u16(), %refusal, "refused");
            let own = request.headers().get(REQUEST_ID).cloned();
            let mut response = shaped(request.uri().path(), &refusal);
            told::call(response.headers_mut(), &id);
            if let Some(own) = own {
                response.headers_mut().insert(REQUEST_ID, own);
            }
            response
        }
    }
}

impl App {
    fn caller(&self, request: &mut Request) -> Result<Option<Caller>, Refusal> {
        let Some(keys) = &self.keys else {
            return Ok(None);
        };
        let caller = keys.caller(request.headers_mut())?;
        // Lists of models cost nothing.
        if request.method() != Method::GET {
            caller.admit()?;
        }
        Ok(Some(caller))
    }
}

/// In the shape of the API that was called.
fn shaped(path: &str, refusal: &Refusal) -> Response {
    let mut response = errors::refusal(refusal);
    if path == "/v1/messages" || path.starts_with("/v1/messages/") {
        let body = refusal.body();
        let error = json!({"type": body["error"]["type"], "message": body["error"]["message"]});
        *response.body_mut() = Body::from(json!({"type": "error", "error": error}).to_string());
    }
    response
}
