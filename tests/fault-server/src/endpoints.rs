//! What a healthy provider answers, endpoint by endpoint.
use http::Method;
use serde_json::{Value, json};

use crate::{answer::Answer, faults, reply::Reply, visit::Visit};

/// When everything here was made: the same in each answer, so that answers can be compared.
pub(crate) const CREATED: u64 = 1_700_000_000;

pub(crate) fn healthy(visit: &Visit<'_>) -> Reply {
    let (method, path) = (visit.request.method(), visit.path());
    let refuse =
        |status, message: &str| Reply::error(status, "invalid_request_error", None, message);
    if path.ends_with("/models") && method == Method::GET {
        return Reply::json(200, &models());
    }
    if !path.ends_with("/chat/completions") && !path.ends_with("/embeddings") {
        let message = format!(
            "unknown request URL: {method} {path}; here are chat/completions, embeddings and models"
        );
        return refuse(404, &message);
    }
    if method != Method::POST {
        return refuse(405, "this endpoint takes POST alone").header("allow", "POST");
    }
    match visit.ask.problem {
        Some(problem) => refuse(400, problem),
        None => Answer::to(visit).reply(),
    }
}

/// A model for each fault.
fn models() -> Value {
    let model = |name| json!({ "id": format!("fault/{name}"), "object": "model", "created": CREATED, "owned_by": "fault-server" });
    let all: Vec<Value> = faults::all().map(|fault| model(fault.name())).collect();
    json!({ "object": "list", "data": all })
}
