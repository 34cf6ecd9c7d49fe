//! A TOML file as text with line numbers: what is in it is read later, with the parsers of the settings.
use toml::de::{DeTable, DeValue};

use super::Problems;

/// A value and the line where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string, number or truth value.
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// What no setting takes, by its name.
    Other(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Of the key.
    pub(super) line: usize,
    pub(super) node: Node,
}

/// The entries of a TOML text. `file` is for the places of problems.
pub(super) fn parse(file: &str, text: &str, problems: &mut Problems) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(1, |span| line(text, span.start));
        problems.add(
            place(file, line),
            format!("this is not TOML: {}", error.message()),
        );
    }
    // What a broken file seems to say would only be a second complaint about the same line.
    if errors.is_empty() {
        entries(text, table.get_ref())
    } else {
        Vec::new()
    }
}

/// `file:line`.
pub(super) fn place(file: &str, line: usize) -> String {
    format!("{file}:{line}")
}

impl Node {
    /// As it is shown in a refusal.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("{text:?}"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
            Value::Other(what) => (*what).into(),
        }
    }
}

fn entries(text: &str, table: &DeTable<'_>) -> Vec<Entry> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
        Entry {
            key: key.get_ref().to_string(),
            line: line(text, key.span().start),
            node: node(text, value),
        }
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.line);
    entries
}

fn node(text: &str, value: &toml::Spanned<DeValue<'_>>) -> Node {
    Node {
        line: line(text, value.span().start),
        value: match value.get_ref() {
            DeValue::String(s) => Value::Text(s.to_string()),
            DeValue::Integer(i) if i.radix() == 10 => Value::Text(i.as_str().into()),
            DeValue::Integer(_) => Value::Other("a number that is not decimal"),
            DeValue::Float(f) => Value::Text(f.as_str().into()),
            DeValue::Boolean(b) => Value::Text(b.to_string()),
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Array(items) => Value::List(items.iter().map(|i| node(text, i)).collect()),
            DeValue::Table(table) => Value::Table(entries(text, table)),
        },
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
