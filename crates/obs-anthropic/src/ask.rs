//! Requests that are made in code, and where they go.
use obs_wire::{Request, Upstream, UpstreamBuilder, json};

use crate::MessagesRequest;

/// Asks this model one thing, for an answer of so many tokens at most. The rest can be [set](Request::set).
///
/// # Panics
///
/// The name of the model is empty.
#[must_use]
pub fn ask(model: &str, max_tokens: u32, user: &str) -> MessagesRequest {
    let body = format!(
        r#"{{"model":{},"max_tokens":{max_tokens},"messages":[{{"role":"user","content":{}}}]}}"#,
        json::quoted(model),
        json::quoted(user)
    );
    Request::draft(body).expect("a model has a name")
}

/// A provider with this base URL, such as `https://api.anthropic.com`, which gets its key as `x-api-key`.
pub fn upstream(base_url: impl Into<String>) -> UpstreamBuilder {
    Upstream::builder(base_url).key_header("x-api-key")
}
