//! Reads `[[keys]]`: from the file of the settings, or from one of their own.
use std::{collections::BTreeSet, path::Path, sync::Arc, time::SystemTime};

use obs_core::Usd;

use super::{
    Problems, VirtualKey,
    document::{self, Entry, Node, Value},
    items::{Field, items, put, text},
    parse,
};

/// What every hash begins with: it says how it was made.
pub(crate) const HASH: &str = "blake3:";

const KEY: &[Field<VirtualKey>] = &[
    Field {
        key: "name",
        set: |k, v| put(&mut k.name, text(v, parse::name).map(Into::into)),
    },
    Field {
        key: "hash",
        set: |k, v| put(&mut k.hash, text(v, hash)),
    },
    Field {
        key: "tenant",
        set: |k, v| {
            put(
                &mut k.tenant,
                text(v, parse::name).map(|name| Some(name.into())),
            )
        },
    },
    Field {
        key: "models",
        set: |k, v| put(&mut k.models, models(v).map(Some)),
    },
    Field {
        key: "other_endpoints",
        set: |k, v| put(&mut k.other_endpoints, text(v, parse::boolean)),
    },
    Field {
        key: "requests_per_minute",
        set: |k, v| put(&mut k.requests_per_minute, text(v, requests).map(Some)),
    },
    Field {
        key: "usd_per_hour",
        set: |k, v| put(&mut k.usd_per_hour, text(v, dollars).map(Some)),
    },
    Field {
        key: "usd_per_day",
        set: |k, v| put(&mut k.usd_per_day, text(v, dollars).map(Some)),
    },
    Field {
        key: "expires",
        set: |k, v| put(&mut k.expires, text(v, moment).map(Some)),
    },
];

/// The keys of a list, each with its place.
pub(super) fn keys(file: &str, node: &Node, problems: &mut Problems) -> Vec<(String, VirtualKey)> {
    items(file, "keys", node, KEY, &["name", "hash"], problems)
}

/// The keys of a file in which nothing else stands.
pub(super) fn of_file(file: &Path, problems: &mut Problems) -> Vec<(String, VirtualKey)> {
    let name = file.display().to_string();
    let read = std::fs::read_to_string(file);
    let text = match read {
        Ok(text) => text,
        Err(error) => {
            problems.add("keys.file", format!("{name} cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for Entry { key, line, node } in document::parse(&name, &text, problems) {
        match key.as_str() {
            "keys" => found.extend(keys(&name, &node, problems)),
            _ => problems.add(
                document::place(&name, line),
                format!("there is no `{key}` here: a file of keys has [[keys]] alone"),
            ),
        }
    }
    found
}

/// No two have one name or one hash.
pub(super) fn check(given: &[(String, VirtualKey)], problems: &mut Problems) {
    let (mut names, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for (place, key) in given {
        if !names.insert(&key.name) {
            let message = format!("another key is named {:?}", key.name);
            problems.add(place.as_str(), message);
        }
        // One that could not be read has been refused already.
        if key.hash != [0; 32] && !hashes.insert(key.hash) {
            let message = format!("the key {:?} has the hash of another one", key.name);
            problems.add(place.as_str(), message);
        }
    }
}

fn hash(text: &str) -> Result<[u8; 32], String> {
    let read = text.strip_prefix(HASH).map(blake3::Hash::from_hex);
    match read {
        Some(Ok(hash)) => Ok(*hash.as_bytes()),
        // It may be the key itself: it is not shown.
        _ => Err(format!(
            "expected {HASH} and 64 hexadecimal digits, as `gateway key new NAME` prints them, and not the key itself"
        )),
    }
}

fn models(node: &Node) -> Result<Vec<Arc<str>>, String> {
    let expected =
        || String::from("expected a list of models or routes, such as [\"cheap\", \"gpt-6-luna\"]");
    let Value::List(list) = &node.value else {
        return Err(expected());
    };
    let one = |node| text(node, model).map(Into::into).map_err(|_| expected());
    match list.is_empty() {
        true => Err(expected()),
        false => list.iter().map(one).collect(),
    }
}

/// `auto` is one.
fn model(text: &str) -> Result<String, String> {
    match text {
        "auto" => Ok(text.into()),
        text => parse::model(text),
    }
}

fn requests(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000_000) => Ok(number),
        _ => Err("expected a number of requests above zero, such as 600".into()),
    }
}

fn dollars(text: &str) -> Result<Usd, String> {
    match text.parse::<Usd>() {
        Ok(amount) if amount > Usd::ZERO => Ok(amount),
        _ => Err("expected dollars above zero, such as \"2.50\"".into()),
    }
}

/// In UTC; a day begins at midnight.
fn moment(text: &str) -> Result<SystemTime, String> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.into(),
    };
    humantime::parse_rfc3339(&whole).map_err(|_| {
        "expected a day such as \"2027-06-30\" (from whose first second on it is over), or a time such as \
         \"2027-06-30T18:00:00Z\", in quotes"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_a_key_with_its_first_second() {
        assert_eq!(moment("2027-06-30"), moment("2027-06-30T00:00:00Z"));
        assert!(moment("2027-06-31").is_err() && moment("soon").is_err() && moment("").is_err());
    }

    #[test]
    fn a_key_is_no_hash() {
        let good = format!("{HASH}{}", "0f".repeat(32));
        assert_eq!(hash(&good), Ok([0x0f; 32]));
        for bad in ["", "obs-abc", &"0f".repeat(32), "blake3:0f", "sha256:0f"] {
            assert!(!hash(bad).unwrap_err().contains("obs-"), "{bad}");
        }
    }
}
