//! What an answer says, apart from what is another each time.
use crate::json::{self, Kind};

/// Names and times that a provider makes anew for each answer, and what is about the answer and not in it.
const ANEW: [&str; 11] = [
    "id",
    "call_id",
    "tool_use_id",
    "created",
    "created_at",
    "completed_at",
    "usage",
    "system_fingerprint",
    "service_tier",
    "signature",
    "logprobs",
];

/// How deep it is looked into; what is deeper is visited as it stands.
const DEPTH: usize = 32;

/// Visits keys and values in their order, without those that say nothing.
pub(super) fn visit(body: &str, visit: &mut dyn FnMut(&[u8])) {
    value(body.trim_ascii(), DEPTH, visit);
}

fn value(text: &str, depth: usize, visit: &mut dyn FnMut(&[u8])) {
    match Kind::of(text) {
        Kind::Object if depth > 0 => {
            // What is no JSON says nothing.
            let _ = json::fields(text, |key, inside| {
                if !ANEW.contains(&&*key) && !json::is_null(inside) {
                    visit(key.as_bytes());
                    value(inside, depth - 1, visit);
                }
            });
        }
        Kind::Array if depth > 0 => {
            let _ = json::items(text, |inside| value(inside, depth - 1, visit));
        }
        Kind::Text => match json::text(text) {
            Some(text) => visit(text.as_bytes()),
            None => visit(text.as_bytes()),
        },
        _ => visit(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(body: &str) -> Vec<String> {
        let mut seen = Vec::new();
        visit(body, &mut |bytes| {
            seen.push(String::from_utf8_lossy(bytes).into_owned());
        });
        seen
    }

    #[test]
    fn names_and_times_of_an_answer_mean_nothing() {
        let of = |id: &str, created: u64, arguments: &str| {
            meaning(&format!(
                r#"{{"id":"{id}","created":{created},"choices":[{{"message":{{"content":null,"tool_calls":[
                    {{"id":"call_{id}","function":{{"name":"f","arguments":"{arguments}"}}}}]}}}}],"usage":{{"total_tokens":{created}}}}}"#
            ))
        };
        assert_eq!(of("a", 1, "{}"), of("b", 2, "{}"));
        assert_ne!(of("a", 1, "{}"), of("a", 1, "[]"));
    }

    #[test]
    fn the_spelling_of_a_text_makes_no_difference() {
        assert_eq!(
            meaning(r#"{"text":"\u00e4"}"#),
            meaning(r#"{ "text" : "ä" }"#)
        );
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(meaning(&deep).len(), 1);
    }
}
