//! A message that is put together from deltas.
use std::borrow::Cow;

use obs_core::BoxError;
use obs_wire::{
    Members, Unlike, Writer,
    json::{self, Kind},
};

/// Strings that come in pieces, in the order in which they are written.
pub(super) const TEXTS: [&str; 4] = ["content", "refusal", "reasoning_content", "reasoning"];

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    texts: [Text; TEXTS.len()],
    calls: Vec<Call<'a>>,
    function: Option<Function<'a>>,
    others: Members<'a>,
}

#[derive(Debug, Default)]
enum Text {
    #[default]
    Missing,
    Null,
    Some(String),
}

#[derive(Debug)]
struct Call<'a> {
    index: u64,
    id: Option<Cow<'a, str>>,
    function: Option<Function<'a>>,
    others: Members<'a>,
}

#[derive(Debug, Default)]
struct Function<'a> {
    name: String,
    arguments: Option<String>,
    others: Members<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn add(&mut self, delta: &'a str) -> Result<(), BoxError> {
        each(delta, |key, value| {
            if let Some(at) = TEXTS.iter().position(|text| *text == key) {
                return self.texts[at].add(value).ok_or_else(|| Unlike::new(&key));
            }
            match &*key {
                "role" => self.others.add_first(key, value),
                "tool_calls" if Kind::of(value) == Kind::Array => return self.add_calls(value),
                "function_call" if Kind::of(value) == Kind::Object => {
                    return self.function.get_or_insert_default().add(value);
                }
                "tool_calls" | "function_call" | "audio" if json::is_null(value) => {}
                // Padding that hides the length of tokens.
                "obfuscation" => {}
                "tool_calls" | "function_call" | "audio" => return Err(Unlike::new(&key)),
                _ => return self.others.add(key, value),
            }
            Ok(())
        })
    }

    fn add_calls(&mut self, calls: &'a str) -> Result<(), Unlike> {
        let mut result = Ok(());
        // It is a piece of what was read before.
        let _ = json::items(calls, |call| {
            if result.is_ok() {
                result = self.add_call(call);
            }
        });
        result
    }

    fn add_call(&mut self, call: &'a str) -> Result<(), Unlike> {
        if Kind::of(call) != Kind::Object {
            return Err(Unlike::new("tool_calls"));
        }
        let (mut index, mut id) = (None, None);
        // It is a piece of what was read before.
        let _ = json::fields(call, |key, value| match &*key {
            "index" => index = json::count(value),
            "id" => id = json::filled_text(value),
            _ => {}
        });
        let last = self.calls.last().map(|call| call.index);
        let same_id = |call: &&Call<'_>| id.is_some() && call.id == id;
        // Without an index a new id begins a new call, and what has no id goes on with the last one.
        let index = index
            .or_else(|| self.calls.iter().find(same_id).map(|call| call.index))
            .unwrap_or_else(|| match (&id, last) {
                (None, Some(last)) => last,
                (_, last) => last.map_or(0, |last| last + 1),
            });
        let at = match self.calls.binary_search_by_key(&index, |call| call.index) {
            Ok(at) => at,
            Err(at) => {
                self.calls.insert(at, Call::new(index));
                at
            }
        };
        self.calls[at].add(call, id)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.others.write(to);
        for (key, text) in TEXTS.iter().zip(&self.texts) {
            match text {
                // A message always says whether it has content.
                Text::Missing if *key == "content" => to.field(key, "null"),
                Text::Missing => {}
                Text::Null => to.field(key, "null"),
                Text::Some(text) => to.string(key, text),
            }
        }
        if !self.calls.is_empty() {
            to.key("tool_calls");
            to.array(|to| self.calls.iter().for_each(|call| call.write(to)));
        }
        if let Some(function) = &self.function {
            to.key("function_call");
            to.object(|to| function.write(to));
        }
    }
}

impl Text {
    /// `None`: it is no string.
    fn add(&mut self, value: &str) -> Option<()> {
        if json::is_null(value) {
            if matches!(self, Self::Missing) {
                *self = Self::Null;
            }
            return Some(());
        }
        let more = json::text(value)?;
        match self {
            Self::Some(text) => text.push_str(&more),
            _ => *self = Self::Some(more.into_owned()),
        }
        Some(())
    }
}

impl<'a> Call<'a> {
    fn new(index: u64) -> Self {
        Self {
            index,
            id: None,
            function: None,
            others: Members::default(),
        }
    }

    fn add(&mut self, call: &'a str, id: Option<Cow<'a, str>>) -> Result<(), Unlike> {
        self.id = self.id.take().or(id);
        each_unlike(call, |key, value| {
            match &*key {
                "index" => {}
                "id" | "type" => self.others.add_first(key, value),
                "function" if Kind::of(value) == Kind::Object => {
                    return self.function.get_or_insert_default().add(value);
                }
                _ => return self.others.add(key, value),
            }
            Ok(())
        })
    }

    fn write(&self, to: &mut Writer) {
        to.object(|to| {
            self.others.write(to);
            if let Some(function) = &self.function {
                to.key("function");
                to.object(|to| function.write(to));
            }
        });
    }
}

impl<'a> Function<'a> {
    fn add(&mut self, function: &'a str) -> Result<(), Unlike> {
        each_unlike(function, |key, value| {
            match &*key {
                "name" if !json::is_null(value) => {
                    let name = json::text(value).ok_or_else(|| Unlike::new(&key))?;
                    // Some say the whole name again in every chunk, some say it in pieces.
                    if self.name != name {
                        self.name.push_str(&name);
                    }
                }
                "arguments" if !json::is_null(value) => {
                    let more = json::text(value).ok_or_else(|| Unlike::new(&key))?;
                    self.arguments.get_or_insert_default().push_str(&more);
                }
                "name" | "arguments" => {}
                _ => return self.others.add(key, value),
            }
            Ok(())
        })
    }

    fn write(&self, to: &mut Writer) {
        to.string("name", &self.name);
        if let Some(arguments) = &self.arguments {
            to.string("arguments", arguments);
        }
        self.others.write(to);
    }
}

/// Visits fields until one of them is refused.
pub(super) fn each<'a>(
    object: &'a str,
    mut visit: impl FnMut(Cow<'a, str>, &'a str) -> Result<(), Unlike>,
) -> Result<(), BoxError> {
    let mut result = Ok(());
    json::fields(object, |key, value| {
        if result.is_ok() {
            result = visit(key, value);
        }
    })?;
    Ok(result?)
}

/// The same of what was read before.
fn each_unlike<'a>(
    object: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a str) -> Result<(), Unlike>,
) -> Result<(), Unlike> {
    let mut visit = visit;
    let mut result = Ok(());
    let _ = json::fields(object, |key, value| {
        if result.is_ok() {
            result = visit(key, value);
        }
    });
    result
}
