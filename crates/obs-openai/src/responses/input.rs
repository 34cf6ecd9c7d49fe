//! The text in the input of a response.
use obs_core::Role;
use obs_wire::json::{self, Kind};

/// Visits each piece of text that the model reads.
pub(super) fn visit(input: &str, visit: &mut dyn FnMut(Role, &str)) {
    match Kind::of(input) {
        Kind::Text => {
            if let Some(text) = json::filled_text(input) {
                visit(Role::User, &text);
            }
        }
        // Every piece was read with the body: there is nothing left to go wrong.
        Kind::Array => drop(json::items(input, |item| self::item(item, visit))),
        _ => {}
    }
}

/// A message, a call of a tool, what a tool answered, or a summary of reasoning.
fn item(item: &str, visit: &mut dyn FnMut(Role, &str)) {
    let mut role = Role::User;
    json::text_field(item, "role", &mut |text| {
        role = match text {
            "system" | "developer" => Role::System,
            "assistant" => Role::Assistant,
            _ => Role::User,
        };
    });
    json::field(item, "content", &mut |value| content(value, role, visit));
    json::field(item, "output", &mut |value| {
        content(value, Role::Tool, visit)
    });
    json::field(item, "summary", &mut |value| {
        content(value, Role::Assistant, visit);
    });
    for key in ["arguments", "input"] {
        json::text_field(item, key, &mut |text| visit(Role::Assistant, text));
    }
}

/// A string, or an array of parts with text.
fn content(value: &str, role: Role, visit: &mut dyn FnMut(Role, &str)) {
    match Kind::of(value) {
        Kind::Text => {
            if let Some(text) = json::filled_text(value) {
                visit(role, &text);
            }
        }
        Kind::Array => drop(json::items(value, |part| {
            for key in ["text", "refusal"] {
                json::text_field(part, key, &mut |text| visit(role, text));
            }
        })),
        _ => {}
    }
}
