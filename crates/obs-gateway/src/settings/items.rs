//! Reads tables in double brackets (`[[providers]]`, `[[routes]]`, `[[keys]]`), which stand in the file alone.
use super::{
    Problems,
    document::{Entry, Node, Value, place},
    problem::did_you_mean,
};

/// A field of a `[[table]]`: its key, and how its value gets to its place. The error says what is expected.
pub(super) struct Field<T> {
    pub(super) key: &'static str,
    pub(super) set: fn(&mut T, &Node) -> Result<(), String>,
}

/// Reads each item of such a table, with its place. What is wrong is told, and the rest is read.
pub(super) fn items<T: Default>(
    file: &str,
    of: &str,
    node: &Node,
    fields: &[Field<T>],
    needed: &[&str],
    problems: &mut Problems,
) -> Vec<(String, T)> {
    let Value::List(list) = &node.value else {
        problems.add(
            place(file, node.line),
            format!("{of} is no list: write [[{of}]]"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in list {
        let here = place(file, item.line);
        let Value::Table(entries) = &item.value else {
            problems.add(here, format!("{of} has {}: write [[{of}]]", item.shown()));
            continue;
        };
        // The value of an item in double brackets begins at its first key, or at the brackets.
        let mut value = T::default();
        for entry in entries {
            set(file, of, fields, &mut value, entry, problems);
        }
        for needed in needed {
            if !entries.iter().any(|entry| entry.key == *needed) {
                problems.add(
                    here.clone(),
                    format!("this one of [[{of}]] has no `{needed}`"),
                );
            }
        }
        found.push((here, value));
    }
    found
}

fn set<T>(
    file: &str,
    of: &str,
    fields: &[Field<T>],
    value: &mut T,
    entry: &Entry,
    problems: &mut Problems,
) {
    let key = entry.key.as_str();
    let here = place(file, entry.line);
    let Some(field) = fields.iter().find(|field| field.key == key) else {
        let names = || fields.iter().map(|field| field.key);
        let hint = match key {
            // Its value is a secret: it is not shown.
            "key" => " (give its `hash`)".into(),
            "api_key" => {
                " (name the variable that holds it in `api_key_env`, or a file in `api_key_file`)"
                    .into()
            }
            _ => did_you_mean(key, names()),
        };
        let all = names().collect::<Vec<_>>().join(", ");
        problems.add(
            here,
            format!("[[{of}]] knows no `{key}`{hint}: expected one of {all}"),
        );
        return;
    };
    if let Err(expected) = (field.set)(value, &entry.node) {
        let shown = match key {
            // Somebody may have written the key itself.
            "hash" => String::new(),
            _ => format!(" = {}", entry.node.shown()),
        };
        problems.add(here, format!("{key}{shown}: {expected}"));
    }
}

/// Puts what was read where it belongs.
pub(super) fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// Reads a text. The error says what is expected.
pub(super) fn text<T>(node: &Node, parse: fn(&str) -> Result<T, String>) -> Result<T, String> {
    match &node.value {
        Value::Text(text) => parse(text),
        // What a parser says about an empty text is what it expects.
        _ => Err(parse("")
            .err()
            .unwrap_or_else(|| "expected a string".into())),
    }
}
