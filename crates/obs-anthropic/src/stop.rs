//! Why an answer ends.
use obs_core::Finish;

/// Anthropic's words. A turn that is paused goes on where the caller sends it back: it is no answer as yet.
pub(crate) fn finish(reason: &str) -> Finish {
    match reason {
        "end_turn" | "stop_sequence" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_to_the_end_is_complete() {
        for (reason, expected) in [
            ("end_turn", Finish::Stop),
            ("stop_sequence", Finish::Stop),
            ("tool_use", Finish::ToolCalls),
            ("max_tokens", Finish::Length),
            ("model_context_window_exceeded", Finish::Length),
            ("refusal", Finish::ContentFilter),
            ("pause_turn", Finish::Other),
            ("compaction", Finish::Other),
        ] {
            assert_eq!(finish(reason), expected, "{reason}");
        }
    }
}
