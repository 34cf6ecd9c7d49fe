//! Why an answer ends, as providers say it.
use obs_core::Finish;

/// OpenAI's words, and those that compatible providers let through.
pub(crate) fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" => Finish::Stop,
        "length" | "max_tokens" | "model_length" | "max_output_tokens" => Finish::Length,
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" | "safety" | "recitation" | "refusal" => Finish::ContentFilter,
        _ => {
            let small = reason.to_ascii_lowercase();
            if small == reason {
                Finish::Other
            } else {
                finish(&small)
            }
        }
    }
}

/// The reason that matters of an answer with several choices: that something is missing.
pub(crate) fn worse(one: Option<Finish>, other: Finish) -> Finish {
    match one {
        Some(one) if !one.is_complete() => one,
        Some(one) if other.is_complete() => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_providers_are_known() {
        assert_eq!(finish("STOP"), Finish::Stop);
        assert_eq!(finish("MAX_TOKENS"), Finish::Length);
        assert_eq!(finish("tool_use"), Finish::ToolCalls);
        assert_eq!(finish("SAFETY"), Finish::ContentFilter);
        assert_eq!(finish("error"), Finish::Other);
        assert_eq!(finish("Error"), Finish::Other);
    }

    #[test]
    fn a_cut_choice_makes_the_answer_a_cut_one() {
        assert_eq!(worse(Some(Finish::Length), Finish::Stop), Finish::Length);
        assert_eq!(worse(Some(Finish::Stop), Finish::Length), Finish::Length);
        assert_eq!(
            worse(Some(Finish::ToolCalls), Finish::Stop),
            Finish::ToolCalls
        );
        assert_eq!(worse(None, Finish::Stop), Finish::Stop);
    }
}
