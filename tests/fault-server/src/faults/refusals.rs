//! What a provider refuses, or does not say to the end.
use serde_json::json;

use crate::{chat, content::Content, faults::Fault, reply::Reply, visit::Visit};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "bad-request",
        "the provider finds fault with the request (400)",
        |_| {
            let message = "invalid value for 'temperature': expected a number of at most 2";
            Reply::error(400, "invalid_request_error", Some("invalid_value"), message)
        },
    ),
    Fault::new(
        "context-too-long",
        "the prompt is longer than the model's context (400)",
        |_| {
            let message = "this model's maximum context length is 8192 tokens; however, your messages resulted in 9001 \
                       tokens; please reduce the length of the messages";
            Reply::error(
                400,
                "invalid_request_error",
                Some("context_length_exceeded"),
                message,
            )
        },
    ),
    Fault::new(
        "content-filter",
        "the provider's filter refuses the prompt (400, Azure's shape)",
        |_| {
            let filter = json!({ "violence": { "filtered": true, "severity": "high" } });
            let error = json!({
                "message": "the response was filtered due to the prompt triggering the content management policy",
                "type": null,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": { "code": "ResponsibleAIPolicyViolation", "content_filter_result": filter },
            });
            Reply::json(400, &json!({ "error": error }))
        },
    ),
    Fault::new(
        "filtered-answer",
        "the filter stops the answer after two thirds: finish reason `content_filter`",
        |visit| cut(visit, "content_filter"),
    ),
    Fault::new(
        "length",
        "the answer is cut after two thirds: finish reason `length`",
        |visit| cut(visit, "length"),
    ),
    Fault::new(
        "prefill-refused",
        "a request whose last message is the assistant's is refused (400), any other is answered",
        |visit| match visit.ask.prefill {
            Some(_) => {
                let message = "this model does not support assistant message prefill; the conversation must end with \
                               a user message";
                Reply::error(400, "invalid_request_error", None, message)
            }
            None => Reply::healthy(visit),
        },
    ),
];

fn cut(visit: &Visit<'_>, finish: &'static str) -> Reply {
    let mut content = Content::to(visit);
    content
        .tokens
        .truncate((content.tokens.len() * 2).div_ceil(3));
    content.finish = finish;
    chat::answer(visit, &content).reply()
}
