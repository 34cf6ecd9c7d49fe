//! Models that a body names besides the one that it asks for.
//!
//! Providers that are gateways themselves take such lists: what the first one of them cannot answer, the next one does. They are passed on like every
//! field that is not known here, and would otherwise lead a key past its models.
use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Fields that name other models.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Lists<'a> {
    #[serde(borrow)]
    models: Option<&'a RawValue>,
    #[serde(borrow)]
    fallbacks: Option<&'a RawValue>,
}

/// Those of this body, or the name of the field that cannot be read. What is no object is refused elsewhere.
pub(super) fn named(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let lists = match serde_json::from_slice::<Lists<'_>>(body) {
        Ok(lists) => lists,
        // Of two of one name nobody knows which one counts.
        Err(error) if error.to_string().starts_with("duplicate field `fallbacks`") => {
            return Err("fallbacks");
        }
        Err(error) if error.to_string().starts_with("duplicate field") => return Err("models"),
        Err(_) => return Ok(Vec::new()),
    };
    let mut all = Vec::new();
    for (field, list) in [("models", lists.models), ("fallbacks", lists.fallbacks)] {
        if let Some(list) = list {
            let names = serde_json::from_str::<Option<Vec<Cow<'_, str>>>>(list.get());
            let names = names.map_err(|_| field)?.unwrap_or_default();
            all.extend(names.into_iter().map(Cow::into_owned));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_models_are_found_wherever_a_body_names_them() {
        for (body, expected) in [
            (r#"{"model": "a"}"#, Ok(vec![])),
            (r#"{"models": null, "fallbacks": []}"#, Ok(vec![])),
            (
                r#"{"models": ["b", "\u0063"], "fallbacks": ["d"]}"#,
                Ok(vec!["b", "c", "d"]),
            ),
            (r#"{"metadata": {"models": ["b"]}}"#, Ok(vec![])),
            (r#"{"models": "b"}"#, Err("models")),
            (r#"{"models": ["a"], "models": ["b"]}"#, Err("models")),
            (r#"{"fallbacks": [{"a": ["b"]}]}"#, Err("fallbacks")),
            ("no object", Ok(vec![])),
        ] {
            let expected = expected.map(|names| names.into_iter().map(String::from).collect());
            assert_eq!(named(body.as_bytes()), expected, "{body}");
        }
    }
}
