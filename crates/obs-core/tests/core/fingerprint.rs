//! Keys: the same question has one, two questions have two.
use obs_core::{Fingerprint, FingerprintSecret, Key};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn of(text: &str) -> Key {
    let mut print = Fingerprint::new();
    print.json_text(text.as_bytes());
    print.finish()
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Another spelling of the same JSON: keys turned round, white space, every character escaped, numbers with zeros.
fn respelled(value: &Value) -> String {
    let text = |text: &str| {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        format!("\"{}\"", units.collect::<String>())
    };
    match value {
        Value::Object(map) => {
            let fields = map.iter().rev();
            let fields = fields.map(|(k, v)| format!("{}\t: {}", text(k), respelled(v)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(" ,\n"))
        }
        Value::Array(items) => {
            let items = items.iter().map(respelled);
            format!("[ {}]", items.collect::<Vec<_>>().join(" , "))
        }
        Value::String(string) => text(string),
        Value::Number(number) => format!("{number}.000E+0"),
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn spelling_makes_no_difference(value in json()) {
        prop_assert_eq!(of(&value.to_string()), of(&respelled(&value)));
    }

    #[test]
    fn meaning_does(a in json(), b in json()) {
        prop_assert_eq!(a == b, of(&a.to_string()) == of(&b.to_string()));
    }

    #[test]
    fn any_bytes_have_a_key(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut print = Fingerprint::new();
        print.json_text(&bytes);
        let key = print.finish();
        prop_assert_eq!(key, print.finish());
    }

    #[test]
    fn fields_do_not_run_into_each_other(name in ".{0,4}", value in ".{0,4}", cut in 0_usize..8) {
        let joined = format!("{name}{value}");
        let cut = (0..=joined.len()).filter(|at| joined.is_char_boundary(*at)).nth(cut).unwrap_or(0);
        let (other_name, other_value) = joined.split_at(cut);
        let key = |name: &str, value: &str| {
            let mut print = Fingerprint::new();
            print.field(name, value.as_bytes());
            print.finish()
        };
        prop_assert_eq!(name == other_name, key(&name, &value) == key(other_name, other_value));
    }
}

#[test]
fn large_numbers_are_never_floats() {
    assert_ne!(of("[18446744073709551616]"), of("[18446744073709551617]"));
    assert_ne!(of("[0.1]"), of("[0.10000000000000001]"));
    assert_eq!(of("[1.5e3]"), of("[1500]"));
    assert_eq!(of("[-0]"), of("[0.0]"));
}

#[test]
fn a_key_that_comes_twice_is_another_question() {
    assert_ne!(of(r#"{"a":1,"a":2}"#), of(r#"{"a":2}"#));
    assert_ne!(of(r#"{"a":1,"a":2}"#), of(r#"{"a":2,"a":1}"#));
}

#[test]
fn deep_nesting_is_no_stack_overflow() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_ne!(of(&deep(100_000)), of(&deep(100_001)));
}

#[test]
fn what_is_left_out_makes_no_difference_and_only_there() {
    let of = |text: &str| {
        let mut print = Fingerprint::new();
        print.json_text_without(text.as_bytes(), &["stream"]);
        print.finish()
    };
    assert_eq!(of(r#"{"a":1,"stream":true}"#), of(r#"{"a":1}"#));
    assert_ne!(of(r#"{"a":{"stream":true}}"#), of(r#"{"a":{}}"#));
}

#[test]
fn a_missing_field_is_not_an_empty_one() {
    let of = |value| {
        let mut print = Fingerprint::new();
        print.optional("tenant", value);
        print.finish()
    };
    assert_ne!(of(None), of(Some(b"".as_slice())));
}

#[test]
fn a_secret_changes_every_key() {
    let of = |secret: &[u8]| {
        let mut print = Fingerprint::with_secret(&FingerprintSecret::new(secret));
        print.field("a", b"b");
        print.finish()
    };
    assert_ne!(of(b"one"), of(b"two"));
    assert_eq!(of(b"one").to_string().len(), 64);
    assert!(!format!("{:?}", FingerprintSecret::new(b"one")).contains("one"));
}

#[test]
fn a_serialized_value_is_its_json() {
    let map: Map<String, Value> = [("b".into(), 1.into()), ("a".into(), "x".into())]
        .into_iter()
        .collect();
    let mut print = Fingerprint::new();
    print.json(&map);
    assert_eq!(print.finish(), of(r#"{"a":"x","b":1.0}"#));
}
