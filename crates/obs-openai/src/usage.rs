//! Token counts, as providers tell them.
use obs_core::Usage;
use obs_wire::json::{self, Kind};

/// Reads a `usage` object; `None` if it counts nothing.
///
/// OpenAI counts cached tokens within `prompt_tokens` and reasoning within `completion_tokens`, and so do most providers
/// of its interface. Known differences are evened out: `prompt_cache_hit_tokens` (DeepSeek), `cached_tokens` (Moonshot),
/// `cache_read_input_tokens` and `cache_creation_input_tokens` (proxies of Anthropic), `cache_write_tokens` (OpenRouter),
/// and reasoning that is counted apart from `completion_tokens` (xAI), which the total shows.
pub(crate) fn usage(value: &str) -> Option<Usage> {
    if Kind::of(value) != Kind::Object {
        return None;
    }
    let (mut prompt, mut completion, mut total) = (None, None, None);
    let (mut cached, mut written, mut reasoning) = (0, 0, 0);
    json::fields(value, |key, value| match &*key {
        "prompt_tokens" | "input_tokens" => prompt = json::count(value).or(prompt),
        "completion_tokens" | "output_tokens" => completion = json::count(value).or(completion),
        "total_tokens" => total = json::count(value),
        "prompt_cache_hit_tokens" | "cached_tokens" | "cache_read_input_tokens" => {
            cached = cached.max(json::count(value).unwrap_or(0));
        }
        "cache_creation_input_tokens" | "cache_write_tokens" => {
            written = written.max(json::count(value).unwrap_or(0));
        }
        "prompt_tokens_details" | "input_tokens_details" => {
            cached = cached.max(detail(value, &["cached_tokens"]));
            let names = ["cache_write_tokens", "cache_creation_tokens"];
            written = written.max(detail(value, &names));
        }
        "completion_tokens_details" | "output_tokens_details" => {
            reasoning = reasoning.max(detail(value, &["reasoning_tokens"]));
        }
        "reasoning_tokens" => reasoning = reasoning.max(json::count(value).unwrap_or(0)),
        _ => {}
    })
    .ok()?;
    if prompt.is_none() && completion.is_none() && total.is_none() {
        return None;
    }
    let mut output = completion.unwrap_or(0);
    // Embeddings of some providers tell the total alone.
    let input = prompt.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output));
    let apart = total == Some(input.saturating_add(output).saturating_add(reasoning));
    if reasoning > 0 && (apart || reasoning > output) {
        output = output.saturating_add(reasoning);
    }
    let cached_input = cached.min(input);
    Some(Usage {
        input,
        cached_input,
        cache_write: written.min(input - cached_input),
        output,
        reasoning,
        ..Usage::default()
    })
}

/// The largest of these counts in an object of details.
fn detail(details: &str, names: &[&str]) -> u64 {
    let mut most = 0;
    if Kind::of(details) == Kind::Object {
        // It is a piece of what was read before.
        let _ = json::fields(details, |key, value| {
            if names.contains(&&*key) {
                most = most.max(json::count(value).unwrap_or(0));
            }
        });
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: [u64; 5]) {
        let [input, cached_input, cache_write, output, reasoning] = expected;
        let expected = Usage {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
            ..Usage::default()
        };
        assert_eq!(usage(value), Some(expected), "{value}");
    }

    #[test]
    fn input_includes_cached_and_output_includes_reasoning() {
        check(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
                "prompt_tokens_details":{"cached_tokens":80,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":0}}"#,
            [100, 80, 0, 50, 30],
        );
    }

    #[test]
    fn other_providers_words_are_read() {
        check(
            r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}"#,
            [10, 4, 0, 1, 0],
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":1,"cache_read_input_tokens":4,"cache_creation_input_tokens":5}"#,
            [10, 4, 5, 1, 0],
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":9}}"#,
            [10, 0, 9, 1, 0],
        );
    }

    #[test]
    fn reasoning_that_is_counted_apart_is_added() {
        check(
            r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}"#,
            [32, 0, 0, 103, 94],
        );
    }

    #[test]
    fn embeddings_have_input_alone() {
        check(r#"{"prompt_tokens":8,"total_tokens":8}"#, [8, 0, 0, 0, 0]);
        check(r#"{"total_tokens":8}"#, [8, 0, 0, 0, 0]);
    }

    #[test]
    fn nulls_and_nonsense_are_no_usage() {
        for value in [
            "null",
            "{}",
            "[]",
            "3",
            r#"{"prompt_tokens":null}"#,
            r#"{"prompt_tokens":"8"}"#,
        ] {
            assert_eq!(usage(value), None, "{value}");
        }
        check(
            r#"{"prompt_tokens":8,"completion_tokens":2,"prompt_tokens_details":null}"#,
            [8, 0, 0, 2, 0],
        );
    }

    #[test]
    fn parts_are_never_more_than_the_whole() {
        check(
            r#"{"prompt_tokens":5,"completion_tokens":0,"cached_tokens":9,"cache_write_tokens":9}"#,
            [5, 5, 0, 0, 0],
        );
    }
}
