//! How sure the model was.
use obs_wire::json;

/// The mean over all tokens of how much likelier the likeliest one was than the next, of the first choice. `None` without the two most
/// likely of each token: `logprobs` and `top_logprobs` of 2 have to be asked for.
pub(super) fn margin(body: &str) -> Option<f32> {
    let (mut sum, mut tokens, mut is_first) = (0.0, 0_u32, true);
    json::each(body, "choices", &mut |choice| {
        if std::mem::take(&mut is_first) {
            json::field(choice, "logprobs", &mut |told| {
                json::each(told, "content", &mut |token| {
                    if let Some(margin) = of(token) {
                        sum += margin;
                        tokens += 1;
                    }
                });
            });
        }
    });
    (tokens > 0).then(|| (sum / f64::from(tokens)) as f32)
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
        assert_eq!(margin(&answer(tokens)), Some(2.0));
    }

    #[test]
    fn it_is_not_known_without_two_of_each() {
        let one = r#"{"token":"a","logprob":-0.5,"top_logprobs":[{"logprob":-0.5}]}"#;
        assert_eq!(margin(&answer(one)), None);
        assert_eq!(margin(&answer("")), None);
        assert_eq!(margin(r#"{"choices":[{"logprobs":null}]}"#), None);
        assert_eq!(margin("[]"), None);
    }
}
