//! Requests for the rest of an answer.
use obs_wire::{
    Edit, View,
    json::{self, Kind},
};

use super::{compose::one_more, view::Chat};

/// The beginning of the answer as the last message. `None`: the answer is more than one plain text, or the caller has begun it.
pub(super) fn go_on(view: &Chat, body: &str, begun: &str) -> Option<Edit> {
    let mut plain = view.streams() && view.choices() <= 1;
    // It was read before: there is nothing left to go wrong.
    let _ = json::fields(body, |key, value| {
        plain &= match &*key {
            "tools" | "functions" | "audio" => json::is_null(value) || json::is_hollow(value),
            "response_format" => json::is_null(value) || says(value, "type", "text"),
            "messages" => !is_begun(value),
            "logprobs" => value != "true",
            _ => true,
        };
    });
    plain.then(|| one_more(view, body, "assistant", begun))
}

/// Whether the last message is the model's own.
fn is_begun(messages: &str) -> bool {
    let mut last = None;
    let _ = json::items(messages, |message| last = Some(message));
    last.is_some_and(|message| says(message, "role", "assistant"))
}

/// Whether an object has this text in this field.
fn says(object: &str, field: &str, text: &str) -> bool {
    let mut found = false;
    if Kind::of(object) == Kind::Object {
        let _ = json::fields(object, |key, value| {
            if key == field {
                found = json::text(value).as_deref() == Some(text);
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use obs_core::LlmRequest;
    use serde_json::{Value, json};

    use crate::ChatRequest;

    fn request(change: impl FnOnce(&mut Value)) -> ChatRequest {
        let mut body = json!({
            "model": "m", "stream": true, "messages": [{"role": "user", "content": "why?"}],
        });
        change(&mut body);
        ChatRequest::try_from(body).unwrap()
    }

    #[test]
    fn the_beginning_is_the_last_message_and_the_rest_is_as_it_was() {
        let mut request = request(|body| body["seed"] = json!(7));
        request.set_model("other");
        assert!(request.continue_with("Because \"so\"\n"));
        let body: Value = serde_json::from_slice(&request.to_bytes()).unwrap();
        assert_eq!(
            body,
            json!({
                "model": "other", "stream": true, "seed": 7, "messages": [
                    {"role": "user", "content": "why?"},
                    {"role": "assistant", "content": "Because \"so\"\n"},
                ],
            })
        );
    }

    #[test]
    fn only_one_plain_text_is_gone_on_with() {
        let tool = json!({"type": "function", "function": {"name": "f"}});
        let schema = json!({"type": "json_schema", "json_schema": {}});
        for (field, value) in [
            ("n", json!(2)),
            ("stream", json!(false)),
            ("tools", json!([tool])),
            ("functions", json!([{"name": "f"}])),
            ("audio", json!({"voice": "alloy"})),
            ("logprobs", json!(true)),
            ("response_format", json!({"type": "json_object"})),
            ("response_format", schema),
            ("messages", json!([{"role": "assistant", "content": "Be"}])),
        ] {
            let mut refused = request(|body| body[field] = value.clone());
            let before = refused.to_bytes();
            assert!(!refused.continue_with("x"), "{field}: {value}");
            assert_eq!(refused.to_bytes(), before, "{field}: {value}");
        }
        for (field, value) in [
            ("n", json!(1)),
            ("tools", json!([])),
            ("tools", json!(null)),
            ("logprobs", json!(false)),
            ("response_format", json!({"type": "text"})),
        ] {
            let mut taken = request(|body| body[field] = value.clone());
            assert!(taken.continue_with("x"), "{field}: {value}");
        }
    }
}
