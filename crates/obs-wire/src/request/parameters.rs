//! The settings that a request makes, for spans.
use obs_core::Parameter;

use crate::json::{self, Kind};

/// Visits those that are set, of a body that was read before.
pub(super) fn visit(body: &str, visit: &mut dyn FnMut(Parameter<'_>)) {
    let mut number = |value: &str, of: fn(f64) -> Parameter<'static>| {
        if let Some(number) = json::number(value) {
            visit(of(number));
        }
    };
    let mut counts = Vec::new();
    let mut texts = Vec::new();
    // It was read with the body: there is nothing left to go wrong.
    let _ = json::fields(body, |key, value| match &*key {
        "temperature" => number(value, Parameter::Temperature),
        "top_p" => number(value, Parameter::TopP),
        "frequency_penalty" => number(value, Parameter::FrequencyPenalty),
        "presence_penalty" => number(value, Parameter::PresencePenalty),
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
            counts.extend(json::count(value).map(Parameter::MaxTokens));
        }
        "top_k" => counts.extend(json::count(value).map(Parameter::TopK)),
        "n" => counts.extend(json::count(value).map(Parameter::Choices)),
        "dimensions" => counts.extend(json::count(value).map(Parameter::Dimensions)),
        "seed" => counts.extend(value.parse().ok().map(Parameter::Seed)),
        "stop" | "stop_sequences" | "reasoning_effort" | "encoding_format" => {
            texts.push((key, value));
        }
        _ => {}
    });
    counts.into_iter().for_each(&mut *visit);
    for (key, value) in texts {
        let mut text = |value: &str| {
            let Some(text) = json::filled_text(value) else {
                return;
            };
            visit(match &*key {
                "stop" | "stop_sequences" => Parameter::Stop(&text),
                "reasoning_effort" => Parameter::Reasoning(&text),
                _ => Parameter::EncodingFormat(&text),
            });
        };
        match Kind::of(value) {
            Kind::Array => drop(json::items(value, text)),
            _ => text(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_visited() {
        let body = r#"{"model":"m","temperature":0.5,"top_p":1,"max_completion_tokens":100,"n":2,"seed":-7,
            "stop":["END","."],"reasoning_effort":"low","user":"ann","messages":[],"frequency_penalty":null}"#;
        let mut seen = Vec::new();
        visit(body, &mut |parameter| seen.push(format!("{parameter:?}")));
        seen.sort();
        assert_eq!(
            seen,
            [
                "Choices(2)",
                "MaxTokens(100)",
                "Reasoning(\"low\")",
                "Seed(-7)",
                "Stop(\".\")",
                "Stop(\"END\")",
                "Temperature(0.5)",
                "TopP(1.0)",
            ]
        );
    }
}
