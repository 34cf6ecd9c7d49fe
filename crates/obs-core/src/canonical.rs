//! JSON by its meaning: what two texts have in common that say the same.
//!
//! One look at the text finds what is in it; then that is told in canonical order. It is looked at by a parser before, so that
//! what is read here is JSON.
mod decimal;
mod part;
#[cfg(test)]
mod plainly;
mod reader;
mod teller;

use serde_json::value::RawValue;

use self::{reader::Reader, teller::Teller};

/// Deeper than this a value is taken by its text: nobody nests so deep who does not mean harm.
const DEPTH: usize = 128;

/// Tells the frames of a JSON text, in canonical order, to `out`: a tag and bytes each.
pub(crate) fn canonical(text: &[u8], without: &[&str], out: &mut dyn FnMut(u8, &[u8])) {
    let value = serde_json::from_slice::<&RawValue>(text).ok();
    // Places in the text are kept short.
    let value = value.filter(|value| u32::try_from(value.get().len()).is_ok());
    let Some(value) = value else {
        return out(b'?', text);
    };
    let text = value.get();
    let mut reader = Reader::new(text);
    reader.value(DEPTH);
    let mut teller = Teller {
        text,
        parts: &reader.parts,
        decoded: &reader.decoded,
        members: vec![],
        out,
    };
    teller.value(0, without);
}
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decimal::decimal, *};

    type Told = fn(&[u8], &[&str], &mut dyn FnMut(u8, &[u8]));

    fn frames(told: Told, text: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = vec![];
        told(text, &["b", "stream"], &mut |tag, bytes| {
            frames.push((tag, bytes.to_vec()));
        });
        frames
    }

    #[track_caller]
    fn is_as_plain(text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(
            frames(canonical, text),
            frames(plainly::canonical, text),
            "{shown}"
        );
    }

    /// JSON as nobody writes it: spaces, escapes, names that come twice or are none, numbers of every spelling.
    fn json() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(vec![
            "1",
            "-0.50e2",
            "1e999999999999999999999",
            "true",
            "null",
            r#""""#,
            r#""\u0062""#,
            r#""\ud800""#,
            r#""a\\\"]}""#,
            r#""\\""#,
            r#"" ,:[{""#,
            "18446744073709551617",
            "100",
            "0.0",
        ]);
        let name = prop::sample::select(vec![
            r#""a""#,
            r#""b""#,
            r#""\u0061""#,
            r#""stream""#,
            r#""\ud800""#,
            r#""""#,
            r#""\"""#,
        ]);
        let space = prop::sample::select(vec!["", " ", "\n\t\r "]);
        scalar
            .prop_map(str::to_owned)
            .prop_recursive(6, 60, 6, move |inner| {
                let item = (space.clone(), inner.clone(), space.clone());
                let item = item.prop_map(|(a, value, b)| format!("{a}{value}{b}"));
                let member = (space.clone(), name.clone(), space.clone(), item.clone());
                let member = member.prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
                let joined = |all: Vec<String>| all.join(",");
                prop_oneof![
                    prop::collection::vec(item, 0..6)
                        .prop_map(move |all| format!("[{}]", joined(all))),
                    prop::collection::vec(member, 0..6)
                        .prop_map(move |all| format!("{{{}}}", joined(all))),
                ]
            })
    }

    proptest! {
        #[test]
        fn one_look_finds_what_a_parser_for_each_level_finds(text in json()) {
            is_as_plain(text.as_bytes());
        }

        #[test]
        fn no_bytes_are_read_otherwise(text in json(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut text = text.into_bytes();
            let place = place.index(text.len());
            text[place] = byte;
            is_as_plain(&text);
            is_as_plain(&text[..place]);
        }
    }

    #[test]
    fn what_is_very_deep_is_taken_by_its_text() {
        for depth in [DEPTH - 1, DEPTH, DEPTH + 1, 10_000] {
            for (open, close) in [("[", "]"), (r#"{"b":[1, {"a" :"#, "}]}")] {
                let text = [open.repeat(depth), "1".into(), close.repeat(depth)].concat();
                is_as_plain(text.as_bytes());
            }
            let bad = format!(
                r#"{}{{"a":[1,"]"],"\ud800":{{}}}} {}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            );
            is_as_plain(bad.as_bytes());
        }
    }

    #[test]
    fn numbers_are_exact_decimals() {
        let same = ["1", "1.0", "10e-1", "0.1E1", "100e-2", "1e0"];
        let first = decimal(same[0]);
        assert!(same.iter().all(|text| decimal(text) == first), "{first:?}");
        assert_ne!(decimal("1"), decimal("-1"));
        assert_ne!(decimal("1"), decimal("10"));
        assert_ne!(
            decimal("18446744073709551616"),
            decimal("18446744073709551617")
        );
        assert_eq!(decimal("-0.00"), decimal("0e7"));
        assert_eq!(decimal("1e99999999999999999999"), None);
    }
}
