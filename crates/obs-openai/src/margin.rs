//! How sure the model was.
use obs_wire::json;

/// By how much the likeliest of each token was likelier than the next, on average.
#[derive(Default)]
struct Mean {
    sum: f64,
    tokens: u32,
}

impl Mean {
    fn add(&mut self, token: &str) {
        if let Some(margin) = of(token) {
            self.sum += margin;
            self.tokens += 1;
        }
    }

    /// `None` without the two most likely of a token: they have to be asked for.
    fn value(&self) -> Option<f32> {
        (self.tokens > 0).then(|| (self.sum / f64::from(self.tokens)) as f32)
    }
}

/// Over the tokens of the first choice of a chat: `logprobs` and `top_logprobs` of 2 have to be asked for.
pub(crate) fn of_chat(body: &str) -> Option<f32> {
    let (mut mean, mut is_first) = (Mean::default(), true);
    json::each(body, "choices", &mut |choice| {
        if std::mem::take(&mut is_first) {
            json::field(choice, "logprobs", &mut |told| {
                json::each(told, "content", &mut |token| mean.add(token));
            });
        }
    });
    mean.value()
}

/// Over the tokens of all texts of a response: `message.output_text.logprobs` has to be included, and `top_logprobs` of 2.
pub(crate) fn of_response(body: &str) -> Option<f32> {
    let mut mean = Mean::default();
    json::each(body, "output", &mut |item| {
        json::each(item, "content", &mut |part| {
            json::each(part, "logprobs", &mut |token| mean.add(token));
        });
    });
    mean.value()
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
