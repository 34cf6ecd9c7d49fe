//! JSON objects and arrays, one level at a time, as pieces of the text that they were read from.
//!
//! Nothing is built and nothing is converted: a piece of text goes out as it came in, whatever number or escape it
//! holds. Duplicate keys are all seen. Skipping a value needs no stack, so depth is no danger.
use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// What a piece of JSON is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// `null`
    Null,
}

impl Kind {
    /// Of a valid value without white space around it.
    #[must_use]
    pub fn of(value: &str) -> Self {
        match value.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Flag,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::Null => "null",
        })
    }
}

/// Visits the fields of an object in their order: the key without escapes, the text of the value.
///
/// # Errors
///
/// The text is no JSON object, or something follows it. What was visited before stands.
pub fn fields<'a>(
    object: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a str),
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(object);
    reader.deserialize_map(Fields(visit))?;
    reader.end()
}

/// Visits the items of an array in their order.
///
/// # Errors
///
/// The text is no JSON array, or something follows it. What was visited before stands.
pub fn items<'a>(array: &'a str, visit: impl FnMut(&'a str)) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(array);
    reader.deserialize_seq(Items(visit))?;
    reader.end()
}

/// The string that this value is, borrowed where it has no escapes.
#[must_use]
pub fn text(value: &str) -> Option<Cow<'_, str>> {
    if Kind::of(value) != Kind::Text {
        return None;
    }
    serde_json::from_str::<Text<'_>>(value).ok().map(|t| t.0)
}

/// As [`text`], without the empty one.
#[must_use]
pub fn filled_text(value: &str) -> Option<Cow<'_, str>> {
    text(value).filter(|text| !text.is_empty())
}

/// A count, also where it is written as `3.0`.
#[must_use]
pub fn count(value: &str) -> Option<u64> {
    if let Ok(count) = value.parse() {
        return Some(count);
    }
    let number: f64 = (Kind::of(value) == Kind::Number)
        .then(|| value.parse().ok())
        .flatten()?;
    let whole = number >= 0.0 && number.fract() == 0.0 && number <= 9e15;
    // Exact: every whole number up to 9e15 is a double.
    whole.then_some(number as u64)
}

/// A number as near as a double is; out of its range it is infinite.
#[must_use]
pub fn number(value: &str) -> Option<f64> {
    (Kind::of(value) == Kind::Number)
        .then(|| value.parse().ok())
        .flatten()
}

/// Whether it is `null`.
#[must_use]
pub fn is_null(value: &str) -> bool {
    Kind::of(value) == Kind::Null
}

/// An array without items, or an object without fields.
#[must_use]
pub fn is_hollow(value: &str) -> bool {
    let inside = value
        .strip_prefix(['{', '['])
        .and_then(|v| v.strip_suffix(['}', ']']));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

/// A string as JSON.
#[must_use]
pub fn quoted(text: &str) -> String {
    // Strings have no keys and no numbers that could be refused.
    serde_json::to_string(text).unwrap_or_default()
}

/// Where in `whole` this piece of it is.
#[must_use]
pub fn place(whole: &str, piece: &str) -> Range<usize> {
    let start = piece.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + piece.len()
}

struct Fields<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            (self.0)(key, value.get());
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<&'de RawValue>()? {
            (self.0)(item.get());
        }
        Ok(())
    }
}

/// serde's own `Cow` always copies.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        reader.deserialize_str(Borrowed)
    }
}

/// Visits the value of one field, where it is an object that has it.
pub fn field<'a>(object: &'a str, key: &str, visit: &mut dyn FnMut(&'a str)) {
    if Kind::of(object.trim_ascii_start()) == Kind::Object {
        // What is no JSON has no fields.
        let _ = fields(object, |name, value| {
            if name == key {
                visit(value);
            }
        });
    }
}

/// Visits the text of one field, where it is a string that is not empty.
pub fn text_field(object: &str, key: &str, visit: &mut dyn FnMut(&str)) {
    field(object, key, &mut |value| {
        if let Some(text) = filled_text(value) {
            visit(&text);
        }
    });
}

/// Visits the items of one field, where it is an array.
pub fn each<'a>(object: &'a str, key: &str, visit: &mut dyn FnMut(&'a str)) {
    field(object, key, &mut |value| {
        if Kind::of(value) == Kind::Array {
            // It was read with the object.
            let _ = items(value, &mut *visit);
        }
    });
}

/// Where a schema is, as a place in a body, that this format says an answer obeys: `{"type":"json_schema", ..}`, with the schema in the
/// field `schema` of the object itself, or of its field `json_schema`. `format` is `at` in the body, or a piece of what is.
#[must_use]
pub fn schema_of(format: &str, value: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let (mut is_schema, mut found) = (false, None);
    text_field(format, "type", &mut |kind| {
        is_schema = kind == "json_schema"
    });
    let mut find = |schema| {
        if Kind::of(schema) == Kind::Object {
            let inside = place(value, schema);
            found = Some(at.start + inside.start..at.start + inside.end);
        }
    };
    field(format, "schema", &mut find);
    field(format, "json_schema", &mut |inside| {
        field(inside, "schema", &mut find)
    });
    found.filter(|_| is_schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(object: &str) -> Vec<(String, &str)> {
        let mut pairs = Vec::new();
        fields(object, |key, value| pairs.push((key.into_owned(), value))).unwrap();
        pairs
    }

    #[test]
    fn fields_come_in_order_with_duplicates_and_unescaped_keys() {
        let object = r#" { "a" : 1 , "mod\u0065l":"x", "a": [ 1, 2 ] } "#;
        let expected = [("a", "1"), ("model", "\"x\""), ("a", "[ 1, 2 ]")];
        assert_eq!(
            pairs(object),
            expected.map(|(key, value)| (key.to_owned(), value))
        );
    }

    #[test]
    fn numbers_keep_their_text() {
        let huge = "123456789012345678901234567890.000000000000000000001e-400";
        assert_eq!(pairs(&format!("{{\"n\":{huge}}}"))[0].1, huge);
    }

    #[test]
    fn depth_needs_no_stack() {
        let deep = format!("{{\"d\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(pairs(&deep)[0].1.len(), 400_000);
    }

    #[test]
    fn trailing_text_is_an_error() {
        assert!(fields("{} x", |_, _| ()).is_err());
        assert!(items("[] ]", |_| ()).is_err());
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        assert_eq!(count("18446744073709551615"), Some(u64::MAX));
        assert_eq!(count("3.0"), Some(3));
        for bad in ["-1", "1.5", "\"3\"", "null", "1e400", "[]"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }

    #[test]
    fn hollow_values_hold_nothing() {
        assert!(is_hollow("[ ]") && is_hollow("{}") && is_hollow("{\n}"));
        assert!(!is_hollow("[0]") && !is_hollow("\"\"") && !is_hollow("null"));
    }

    #[test]
    fn a_piece_knows_its_place() {
        let whole = r#"{"a": "xyz"}"#;
        let mut at = 0..0;
        fields(whole, |_, value| at = place(whole, value)).unwrap();
        assert_eq!(&whole[at], "\"xyz\"");
    }
}
