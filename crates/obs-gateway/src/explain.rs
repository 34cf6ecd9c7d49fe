//! What a decision rests on, as JSON.
use std::sync::Arc;

use obs_router::{Explanation, Part};
use serde_json::{Map, Value, json};

/// Most bytes of an explanation: it is the value of a header.
const LONGEST: usize = 1024;

/// Where a key bounds the choice: among these routes, each with its place.
pub(crate) fn among(routes: &[Arc<str>], inner: Option<Explanation>) -> Explanation {
    let of = Explanation::of("key");
    let of = routes.iter().enumerate().fold(of, |of, (place, name)| {
        of.part(name.to_string(), place as f32, 0.0)
    });
    of.around(inner)
}

/// On one line of ASCII, the weightiest things first, of which there are as many as fit.
pub(crate) fn explained(explanation: &Explanation) -> String {
    let most = depth(explanation);
    (0..=most)
        .rev()
        .map(|parts| value(explanation, parts).to_string())
        .find(|text| text.len() <= LONGEST && text.is_ascii())
        .unwrap_or_else(|| "{}".into())
}

/// The parts of whoever has the most of them.
fn depth(explanation: &Explanation) -> usize {
    let inner = explanation.inner.as_deref().map_or(0, depth);
    explanation.parts.len().max(inner)
}

fn value(explanation: &Explanation, most: usize) -> Value {
    let mut object = Map::new();
    object.insert("policy".into(), explanation.policy.into());
    if let Some(score) = explanation.score {
        object.insert("score".into(), number(score));
    }
    let part = |Part {
                    name, value, added, ..
                }: &Part| json!({"name": name, "value": number(*value), "added": number(*added)});
    let parts = explanation.parts.iter().take(most).map(part);
    object.insert("parts".into(), parts.collect());
    if let Some(inner) = &explanation.inner {
        object.insert("inner".into(), value(inner, most));
    }
    Value::Object(object)
}

/// With four digits that count.
fn number(number: f32) -> Value {
    format!("{number:.3e}")
        .parse()
        .map_or(Value::Null, |short: f64| short.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(parts: usize) -> Explanation {
        let all = Explanation::of("complexity").score(0.123_456);
        (0..parts).fold(all, |all, n| {
            all.part(format!("feature_{n}"), n as f32, 0.25)
        })
    }

    #[test]
    fn it_is_short_json() {
        assert_eq!(
            explained(&explanation(1)),
            r#"{"parts":[{"added":0.25,"name":"feature_0","value":0.0}],"policy":"complexity","score":0.1235}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_its_end() {
        let text = explained(&explanation(500).around(Some(explanation(500))));
        assert!(text.len() <= LONGEST && text.len() > LONGEST / 2, "{text}");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["parts"][0]["name"], "feature_0");
        assert_eq!(read["inner"]["policy"], "complexity");
    }

    #[test]
    fn what_no_header_can_hold_is_left_out() {
        let told = explanation(1).part("go_ü", f32::NAN, 1.0);
        let read: Value = serde_json::from_str(&explained(&told)).expect("JSON");
        assert_eq!(read["parts"].as_array().map(Vec::len), Some(1));
    }
}
