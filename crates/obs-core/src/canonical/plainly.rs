//! The same by a parser for each level: slower, and plainer.
use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{DEPTH, decimal::decimal};

/// Tells the frames of a JSON text, in canonical order, to `out`: a tag and bytes each.
pub(super) fn canonical(text: &[u8], without: &[&str], out: &mut dyn FnMut(u8, &[u8])) {
    match serde_json::from_slice(text) {
        Ok(value) => walk(value, without, DEPTH, out),
        Err(_) => out(b'?', text),
    }
}

fn walk(value: &RawValue, without: &[&str], depth: usize, out: &mut dyn FnMut(u8, &[u8])) {
    let text = value.get();
    let verbatim = |out: &mut dyn FnMut(u8, &[u8])| out(b'!', text.as_bytes());
    if depth == 0 {
        return verbatim(out);
    }
    match text.as_bytes().first() {
        Some(b'{') => match serde_json::from_str(text) {
            Ok(Fields(mut fields)) => {
                fields.retain(|(name, _)| !without.contains(&name.as_ref()));
                // Stable: of a key that comes twice, both values stay, in their order.
                fields.sort_by(|(a, _), (b, _)| a.cmp(b));
                out(b'{', &(fields.len() as u64).to_le_bytes());
                for (name, value) in fields {
                    out(b'k', name.as_bytes());
                    walk(value, &[], depth - 1, out);
                }
            }
            Err(_) => verbatim(out),
        },
        Some(b'[') => match serde_json::from_str(text) {
            Ok(Items(items)) => {
                out(b'[', &(items.len() as u64).to_le_bytes());
                for item in items {
                    walk(item, &[], depth - 1, out);
                }
            }
            Err(_) => verbatim(out),
        },
        Some(b'"') => match serde_json::from_str(text) {
            Ok(Text(text)) => out(b's', text.as_bytes()),
            // A lone surrogate is JSON, and no text.
            Err(_) => verbatim(out),
        },
        Some(b'-' | b'0'..=b'9') => match decimal(text) {
            Some((negative, digits, exponent)) => {
                let digits = [digits.whole, digits.fraction].concat();
                out(if negative { b'-' } else { b'+' }, digits.as_bytes());
                out(b'e', &exponent.to_le_bytes());
            }
            None => verbatim(out),
        },
        // true, false, null
        _ => out(b'c', text.as_bytes()),
    }
}

struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
struct Items<'a>(Vec<&'a RawValue>);
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Visit)
    }
}

/// Borrowed where nothing is escaped, which serde alone does not do for a `Cow`.
impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visit)
    }
}
