//! Files of models: what is written is read again, and nothing else is.

use std::sync::OnceLock;

use crate::support::{rows, trained};
use obs_learn::{FORMAT, LoadError, MAX_FILE, Model};
use proptest::prelude::*;
use serde_json::{Value, json};

fn file() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| trained().model.to_json())
}

/// The file with one value put in.
fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_str(file()).expect("JSON");
    *json.pointer_mut(pointer).expect("a field of the file") = value;
    serde_json::to_vec(&json).expect("JSON")
}

fn refusal(bytes: &[u8]) -> String {
    let error = Model::from_json(bytes).expect_err("must be refused");
    std::error::Error::source(&error)
        .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[test]
fn what_is_written_is_read_again() {
    let model = Model::from_json(file().as_bytes()).expect("our own file");
    assert_eq!(model, trained().model);
    assert_eq!(model.to_json(), file());
    for row in rows(50, 5, 2.0) {
        let (one, other) = (&trained().model, &model);
        let group = Some(row.group.as_str());
        assert_eq!(
            one.read(group, row.prompt.as_str()),
            other.read(group, row.prompt.as_str())
        );
    }
}

#[test]
fn the_file_is_small_and_its_head_can_be_compared() {
    assert!(file().len() < 200_000, "{} bytes", file().len());
    let lines: Vec<&str> = file().lines().collect();
    assert!(lines[1].contains(FORMAT));
    assert!(
        lines.iter().filter(|line| line.len() > 200).count() == 1,
        "the weights alone are a long line"
    );
    assert!(file().contains("\"date\": \"2026-11-23\""));
}

#[test]
fn another_version_is_named() {
    let refused = refusal(&with("/format", json!("obs-learn/2")));
    assert_eq!(
        refused,
        r#"a model of format "obs-learn/2"; this version reads "obs-learn/1": train it anew"#
    );
    assert_eq!(
        refusal(br#"{"format": "x", "more": 1}"#),
        r#"a model of format "x"; this version reads "obs-learn/1": train it anew"#
    );
}

#[test]
fn unsound_values_are_refused_by_name() {
    for (pointer, value, says) in [
        (
            "/header/calibration/line/slope",
            json!(0.0),
            "calibration of the model has slope 0",
        ),
        (
            "/header/calibration/line/slope",
            json!(-1.0),
            "the slope above zero",
        ),
        (
            "/header/calibration/line/bias",
            json!(1e39),
            "number out of range",
        ),
        ("/header/rule/slope", json!(1e300), "number out of range"),
        (
            "/header/rule/slope",
            json!(1e30),
            "rule of the model has a figure beyond 1e12",
        ),
        ("/header/rule/bias", json!(-1e30), "beyond 1e12"),
        ("/header/thresholds/3/length", json!(1e30), "out of range"),
        ("/header/thresholds", json!([]), "at least two are needed"),
        (
            "/header/thresholds/3/share",
            json!(0.9),
            "must rise in share",
        ),
        ("/header/thresholds/3/gain", json!(1.5), "out of range"),
        ("/bias", json!(1e39), "number out of range"),
        ("/features/3/spread", json!(-1.0), "a spread below zero"),
        ("/features/3/weight", json!(1e39), "number out of range"),
        ("/features/3/name", json!("other"), "this version knows"),
        ("/groups", json!({"a": 1e39}), "number out of range"),
        (
            "/words/step",
            json!(0.0),
            "words.step of the model is 0; it must be above zero",
        ),
        (
            "/words/weights",
            json!("AAAA"),
            "are 3 bytes; there must be 65536",
        ),
        ("/words/weights", json!("!"), "are not base64"),
        (
            "/header/gate/better",
            json!("yes"),
            "not a model: invalid type",
        ),
        ("/header/trained/rows", json!(-1), "not a model: invalid"),
        ("/bias", Value::Null, "not a model: invalid type: null"),
    ] {
        let refused = refusal(&with(pointer, value));
        assert!(refused.contains(says), "{pointer}: {refused}");
    }
    let mut more: Value = serde_json::from_str(file()).expect("JSON");
    more["header"]["new"] = json!(1);
    assert!(refusal(&serde_json::to_vec(&more).expect("JSON")).contains("unknown field `new`"));
}

#[test]
fn too_many_groups_are_refused() {
    let groups: serde_json::Map<String, Value> =
        (0..2049).map(|i| (i.to_string(), json!(0.1))).collect();
    assert!(
        refusal(&with("/groups", Value::Object(groups)))
            .contains("groups of the model are 2049; at most 2048")
    );
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let large = vec![b' '; MAX_FILE + 1];
    assert!(
        matches!(Model::from_json(&large), Err(LoadError::TooLarge(bytes)) if bytes == MAX_FILE + 1)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_cut_anywhere_is_refused(at in 0usize..2000, from_the_end in any::<bool>()) {
        // What is lost of the end may be the newline alone.
        let cut = if from_the_end { file().len() - 2 - at } else { at };
        prop_assert!(Model::from_json(&file().as_bytes()[..cut]).is_err());
    }

    #[test]
    fn garbage_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Model::from_json(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_without_harm(at in 0usize..14_000, byte in any::<u8>()) {
        let mut bytes = file().as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(model) = Model::from_json(&bytes) {
            let gain = model.read(Some("group 1"), "w1 w2 lemma").gain();
            prop_assert!((0.0..=1.0).contains(&gain), "{gain}");
        }
    }
}
