//! OpenAI's Responses.
use std::task::{Context, Poll};

use obs_core::{Call, Error};
use obs_openai::{Responses, ResponsesAnswer, ResponsesRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use super::{
    Simulated,
    typed::{Said, Saying},
};
use crate::refusal::Refusal;

/// What is read of a request beside its prompt.
#[derive(Default, Deserialize)]
struct Wish {
    max_output_tokens: Option<u64>,
}

impl Service<Call<ResponsesRequest>> for Simulated {
    type Response = ResponsesAnswer;
    type Error = Error;
    type Future = Saying<Responses>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ResponsesRequest>) -> Self::Future {
        if !call.request.is_movable() {
            let message = "the simulated provider keeps no responses: previous_response_id, conversation and background \
                           need a real one";
            return Box::pin(async move { Err(Refusal::bad(message).into()) });
        }
        // What cannot be read here asks for nothing.
        let wish: Wish = serde_json::from_slice(call.request.body()).unwrap_or_default();
        self.respond(call.request, wish.max_output_tokens, body)
    }
}

fn body(said: &Said) -> Value {
    let status = if said.is_whole {
        "completed"
    } else {
        "incomplete"
    };
    let details = if said.is_whole {
        Value::Null
    } else {
        json!({"reason": "max_output_tokens"})
    };
    json!({
        "id": format!("resp_sim_{:06}", said.number),
        "object": "response",
        "created_at": said.created,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "instructions": null,
        "model": said.model.name,
        "output": [{
            "id": format!("msg_sim_{:06}", said.number),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}],
        }],
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": said.input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input + said.output,
        },
        "metadata": {},
    })
}
