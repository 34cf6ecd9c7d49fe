//! Anthropic's Messages.
use std::task::{Context, Poll};

use obs_anthropic::{Messages, MessagesRequest, MessagesResponse};
use obs_core::{Call, Error};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use super::{
    Simulated,
    typed::{Said, Saying},
};

/// What is read of a request beside its prompt.
#[derive(Default, Deserialize)]
struct Wish {
    max_tokens: Option<u64>,
}

impl Service<Call<MessagesRequest>> for Simulated {
    type Response = MessagesResponse;
    type Error = Error;
    type Future = Saying<Messages>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<MessagesRequest>) -> Self::Future {
        // What cannot be read here asks for nothing.
        let wish: Wish = serde_json::from_slice(call.request.body()).unwrap_or_default();
        self.respond(call.request, wish.max_tokens, body)
    }
}

/// What `/v1/messages/count_tokens` answers.
pub(crate) fn counted(request: &MessagesRequest) -> Value {
    json!({"input_tokens": Simulated::count(request)})
}

fn body(said: &Said) -> Value {
    json!({
        "id": format!("msg_sim_{:06}", said.number),
        "type": "message",
        "role": "assistant",
        "model": said.model.name,
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": if said.is_whole { "end_turn" } else { "max_tokens" },
        "stop_sequence": null,
        "usage": {
            "input_tokens": said.input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": said.output,
        },
    })
}
