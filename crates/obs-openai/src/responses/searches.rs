//! How often the provider searched the web, or files, for a response, which it is paid for by the piece.
use obs_wire::json;

/// Counts the searches in the `output` of a response. Pages that were opened, or searched in, are none.
pub(super) fn searches(output: &str) -> u64 {
    let mut count = 0;
    // What is no list has none.
    let _ = json::items(output, |item| {
        let (mut is_call, mut is_other) = (false, false);
        json::text_field(item, "type", &mut |kind| {
            is_call = matches!(kind, "web_search_call" | "file_search_call");
        });
        json::field(item, "action", &mut |action| {
            json::text_field(action, "type", &mut |kind| is_other = kind != "search");
        });
        count += u64::from(is_call && !is_other);
    });
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_counted_and_pages_are_not() {
        let output = r#"[{"type":"web_search_call","action":{"type":"search","query":"q"}},{"type":"web_search_call"},
            {"type":"web_search_call","action":{"type":"open_page"}},{"type":"file_search_call","queries":["q"]},{"type":"message","content":[]},7]"#;
        assert_eq!(searches(output), 3);
        assert_eq!(searches("null"), 0);
    }
}
