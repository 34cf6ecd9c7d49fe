//! Token counts, as Anthropic tells them.
use obs_core::Usage;
use obs_wire::json::{self, Kind};

/// Reads a `usage` object; `None` if it counts nothing.
///
/// `input_tokens` are those that were neither read from the prompt cache nor written to it: the input here is all three.
pub(crate) fn usage(value: &str) -> Option<Usage> {
    if Kind::of(value) != Kind::Object {
        return None;
    }
    let (mut input, mut read, mut written, mut output) = (None, None, None, None);
    let (mut thinking, mut long, mut searches) = (0, 0, 0);
    json::fields(value, |key, value| match &*key {
        "input_tokens" => input = json::count(value),
        "cache_read_input_tokens" => read = json::count(value),
        "cache_creation_input_tokens" => written = json::count(value),
        "output_tokens" => output = json::count(value),
        "output_tokens_details" => thinking = of(value, "thinking_tokens"),
        "cache_creation" => long = of(value, "ephemeral_1h_input_tokens"),
        "server_tool_use" => searches = of(value, "web_search_requests"),
        _ => {}
    })
    .ok()?;
    let all = [input, read, written, output];
    if all.iter().all(Option::is_none) {
        return None;
    }
    let [input, cached_input, cache_write, output] = all.map(Option::unwrap_or_default);
    Some(Usage {
        input: input
            .saturating_add(cached_input)
            .saturating_add(cache_write),
        cached_input,
        cache_write,
        output,
        reasoning: thinking.min(output),
        cache_write_1h: long,
        searches,
    })
}

/// A count in an object of details.
fn of(details: &str, name: &str) -> u64 {
    let mut found = 0;
    json::field(details, name, &mut |count| {
        found = json::count(count).unwrap_or(0);
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_what_was_read_and_written_and_the_rest() {
        let told = r#"{"input_tokens":10,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,
            "cache_creation":{"ephemeral_5m_input_tokens":50,"ephemeral_1h_input_tokens":150},"output_tokens":7,
            "output_tokens_details":{"thinking_tokens":3},"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1},"service_tier":"standard"}"#;
        let expected = Usage {
            input: 1210,
            cached_input: 1000,
            cache_write: 200,
            output: 7,
            reasoning: 3,
            cache_write_1h: 150,
            searches: 2,
        };
        assert_eq!(usage(told), Some(expected));
    }

    #[test]
    fn the_parts_of_a_stream_are_read_alone() {
        let end = usage(r#"{"output_tokens":15}"#).unwrap();
        assert_eq!((end.input, end.output), (0, 15));
        let nulls = usage(r#"{"input_tokens":5,"cache_read_input_tokens":null}"#).unwrap();
        assert_eq!(nulls.input, 5);
        for nothing in ["null", "{}", "[]", r#"{"output_tokens":"x"}"#] {
            assert_eq!(usage(nothing), None, "{nothing}");
        }
    }
}
