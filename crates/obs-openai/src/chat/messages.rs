//! The messages of a chat: their types, and the text in them.
use obs_core::Role;
use obs_wire::{
    InvalidRequest,
    json::{self, Kind},
};

/// Refuses what is no list of messages.
pub(super) fn check(messages: &str) -> Result<(), InvalidRequest> {
    if Kind::of(messages) != Kind::Array {
        let expected = "an array of messages";
        return Err(InvalidRequest::wrong("messages", expected, messages));
    }
    let (mut index, mut wrong) = (0, None);
    let read = json::items(messages, |message| {
        if let (None, Err(error)) = (&wrong, check_one(index, message)) {
            wrong = Some(error);
        }
        index += 1;
    });
    debug_assert!(read.is_ok(), "it was read with the body");
    wrong.map_or(Ok(()), Err)
}

fn check_one(index: usize, message: &str) -> Result<(), InvalidRequest> {
    let name = |field: &str| format!("messages[{index}]{field}");
    if Kind::of(message) != Kind::Object {
        let expected = "a message: an object with `role` and `content`";
        return Err(InvalidRequest::wrong(name(""), expected, message));
    }
    let Message { role, content, .. } = Message::read(message);
    match role {
        None => return Err(InvalidRequest::missing(name(".role"), "a string")),
        Some(role) if Kind::of(role) != Kind::Text => {
            return Err(InvalidRequest::wrong(name(".role"), "a string", role));
        }
        Some(_) => {}
    }
    match content.map(Kind::of) {
        None | Some(Kind::Text | Kind::Array | Kind::Null) => Ok(()),
        Some(_) => Err(InvalidRequest::wrong(
            name(".content"),
            "a string, an array of parts, or null",
            content.unwrap_or_default(),
        )),
    }
}

/// Visits each piece of text that the model reads: contents, parts, refusals, and arguments of tools called before.
pub(super) fn visit(messages: &str, visit: &mut dyn FnMut(Role, &str)) {
    // Every piece was read before: there is nothing left to go wrong.
    let _ = json::items(messages, |message| {
        if Kind::of(message) != Kind::Object {
            return;
        }
        let message = Message::read(message);
        let role = role(message.role);
        if let Some(content) = message.content {
            visit_content(content, &mut |text| visit(role, text));
        }
        if let Some(refusal) = message.refusal.and_then(json::filled_text) {
            visit(role, &refusal);
        }
        let calls = message.tool_calls.filter(|c| Kind::of(c) == Kind::Array);
        if let Some(calls) = calls {
            let _ = json::items(calls, |call| {
                visit_field(call, "function", &mut |function| {
                    visit_text(function, "arguments", &mut |text| visit(role, text));
                });
            });
        }
    });
}

/// A string, or an array of strings and of parts with text.
fn visit_content(content: &str, visit: &mut dyn FnMut(&str)) {
    match Kind::of(content) {
        Kind::Text => {
            if let Some(text) = json::filled_text(content) {
                visit(&text);
            }
        }
        Kind::Array => {
            let _ = json::items(content, |part| match Kind::of(part) {
                Kind::Text => visit_content(part, visit),
                _ => visit_parts(part, visit),
            });
        }
        _ => {}
    }
}

fn visit_parts(part: &str, visit: &mut dyn FnMut(&str)) {
    visit_text(part, "text", visit);
    visit_text(part, "refusal", visit);
}

fn visit_text(object: &str, key: &str, visit: &mut dyn FnMut(&str)) {
    visit_field(object, key, &mut |value| {
        if let Some(text) = json::filled_text(value) {
            visit(&text);
        }
    });
}

fn visit_field(object: &str, key: &str, visit: &mut dyn FnMut(&str)) {
    if Kind::of(object) == Kind::Object {
        let _ = json::fields(object, |name, value| {
            if name == key {
                visit(value);
            }
        });
    }
}

fn role(value: Option<&str>) -> Role {
    match value.and_then(json::text).as_deref() {
        Some("system" | "developer") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        _ => Role::User,
    }
}

#[derive(Default)]
struct Message<'a> {
    role: Option<&'a str>,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    tool_calls: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn read(message: &'a str) -> Self {
        let mut found = Self::default();
        let _ = json::fields(message, |key, value| {
            let place = match &*key {
                "role" => &mut found.role,
                "content" => &mut found.content,
                "refusal" => &mut found.refusal,
                "tool_calls" => &mut found.tool_calls,
                _ => return,
            };
            *place = Some(value);
        });
        found
    }
}
