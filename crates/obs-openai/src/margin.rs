//! How sure the model was.
use obs_wire::json;

/// The field that it takes.
const TOLD: &str = "\"top_logprobs\"";

/// By how much the likeliest of each token was likelier than the next, on average.
#[derive(Default)]
struct Mean {
    sum: f64,
    tokens: u32,
}

impl Mean {
    fn add(&mut self, margin: f64) {
        self.sum += margin;
        self.tokens += 1;
    }

    /// `None` without the two most likely of a token: they have to be asked for.
    fn value(&self) -> Option<f32> {
        (self.tokens > 0).then(|| (self.sum / f64::from(self.tokens)) as f32)
    }
}

/// Over the tokens of the first choice of a chat: `logprobs` and `top_logprobs` of 2 have to be asked for.
pub(crate) fn of_chat(body: &str) -> Option<f32> {
    let mut mean = Mean::default();
    of_chunk(body, &mut |margin| mean.add(margin));
    mean.value()
}

/// Of the tokens in a chunk of a chat.
pub(crate) fn of_chunk(data: &str, visit: &mut dyn FnMut(f64)) {
    // Most have none: then nothing is read.
    if !data.contains(TOLD) {
        return;
    }
    json::each(data, "choices", &mut |choice| {
        let mut index = 0;
        json::field(choice, "index", &mut |value| {
            index = json::count(value).unwrap_or(0)
        });
        if index == 0 {
            json::field(choice, "logprobs", &mut |told| {
                json::each(told, "content", &mut |token| add(token, visit));
            });
        }
    });
}

/// Over the tokens of all texts of a response: `message.output_text.logprobs` has to be included, and `top_logprobs` of 2.
pub(crate) fn of_response(body: &str) -> Option<f32> {
    let mut mean = Mean::default();
    if body.contains(TOLD) {
        json::each(body, "output", &mut |item| {
            json::each(item, "content", &mut |part| {
                json::each(part, "logprobs", &mut |token| {
                    add(token, &mut |margin| mean.add(margin));
                });
            });
        });
    }
    mean.value()
}

/// Of the tokens in an event of a streamed response. Those of the events that tell a text again, or all of it, were told before.
pub(crate) fn of_event(data: &str, visit: &mut dyn FnMut(f64)) {
    if !data.contains(TOLD) {
        return;
    }
    let mut is_delta = false;
    json::text_field(data, "type", &mut |kind| {
        is_delta = kind == "response.output_text.delta";
    });
    if is_delta {
        json::each(data, "logprobs", &mut |token| add(token, visit));
    }
}

fn add(token: &str, visit: &mut dyn FnMut(f64)) {
    if let Some(margin) = of(token) {
        visit(margin);
    }
}

fn of(token: &str) -> Option<f64> {
    let (mut first, mut second) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    json::each(token, "top_logprobs", &mut |likely| {
        json::field(likely, "logprob", &mut |text| {
            let Ok(logprob) = text.parse::<f64>() else {
                return;
            };
            if logprob > first {
                (first, second) = (logprob, first);
            } else if logprob > second {
                second = logprob;
            }
        });
    });
    Some(first - second).filter(|margin| margin.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(tokens: &str) -> String {
        format!(
            r#"{{"choices":[{{"logprobs":{{"content":[{tokens}]}}}},{{"logprobs":{{"content":[]}}}}]}}"#
        )
    }

    #[test]
    fn it_is_the_mean_distance_of_the_two_likeliest() {
        let tokens = r#"
            {"token":"a","logprob":-0.5,"top_logprobs":[{"logprob":-0.5},{"logprob":-1.5},{"logprob":-9}]},
            {"token":"b","logprob":-2.0,"top_logprobs":[{"logprob":-3.0},{"logprob":-2.0}]},
            {"token":"c","logprob":0,"top_logprobs":[{"logprob":0},{"logprob":-4e0}]}"#;
        assert_eq!(of_chat(&answer(tokens)), Some(2.0));
    }

    #[test]
    fn it_is_not_known_without_two_of_each() {
        let one = r#"{"token":"a","logprob":-0.5,"top_logprobs":[{"logprob":-0.5}]}"#;
        assert_eq!(of_chat(&answer(one)), None);
        assert_eq!(of_chat(&answer("")), None);
        assert_eq!(of_chat(r#"{"choices":[{"logprobs":null}]}"#), None);
        assert_eq!(of_chat("[]"), None);
    }

    #[test]
    fn of_several_answers_the_first_one_is_meant() {
        let likely =
            |second| format!(r#"{{"top_logprobs":[{{"logprob":-1}},{{"logprob":{second}}}]}}"#);
        let choice = |index, second| {
            let token = likely(second);
            format!(r#"{{"index":{index},"logprobs":{{"content":[{token}]}}}}"#)
        };
        let body = format!(r#"{{"choices":[{},{}]}}"#, choice(1, -9), choice(0, -2));
        assert_eq!(of_chat(&body), Some(1.0));
    }

    #[test]
    fn events_tell_it_of_the_text_that_they_add_and_once() {
        let tokens = r#""logprobs":[{"top_logprobs":[{"logprob":-1},{"logprob":-4}]},{"top_logprobs":[{"logprob":-1},{"logprob":-2}]}]"#;
        let seen = |kind: &str| {
            let mut seen = Vec::new();
            let data = format!(r#"{{"type":"response.output_text.{kind}",{tokens}}}"#);
            of_event(&data, &mut |margin| seen.push(margin));
            seen
        };
        assert_eq!(seen("delta"), [3.0, 1.0]);
        assert!(seen("done").is_empty());
    }

    #[test]
    fn a_response_tells_it_in_its_parts() {
        let body = r#"{"output":[{"type":"reasoning"},{"content":[{"type":"output_text","logprobs":[
            {"top_logprobs":[{"logprob":-0.5},{"logprob":-1.5}]}]},{"logprobs":[{"top_logprobs":[{"logprob":-1},{"logprob":-4}]}]}]}]}"#;
        assert_eq!(of_response(body), Some(2.0));
        assert_eq!(
            of_response(r#"{"output":[{"content":[{"logprobs":[]}]}]}"#),
            None
        );
    }
}
