//! The text in a conversation.
use obs_core::Role;
use obs_wire::json::{self, Kind};

/// Visits each piece of text that the model reads.
pub(crate) fn messages(messages: &str, visit: &mut dyn FnMut(Role, &str)) {
    // Every piece was read with the body: there is nothing left to go wrong.
    let _ = json::items(messages, |message| {
        let mut role = Role::User;
        json::text_field(message, "role", &mut |text| {
            role = match text {
                "assistant" => Role::Assistant,
                "system" => Role::System,
                _ => Role::User,
            };
        });
        json::field(message, "content", &mut |value| content(value, role, visit));
    });
}

/// A string, or an array of blocks.
pub(crate) fn content(value: &str, role: Role, visit: &mut dyn FnMut(Role, &str)) {
    match Kind::of(value) {
        Kind::Text => {
            if let Some(text) = json::filled_text(value) {
                visit(role, &text);
            }
        }
        Kind::Array => {
            let _ = json::items(value, |item| block(item, role, visit));
        }
        _ => {}
    }
}

/// Text, thinking, what a tool was asked and what it answered. Pictures and files have no text.
fn block(block: &str, role: Role, visit: &mut dyn FnMut(Role, &str)) {
    let mut kind = String::new();
    json::text_field(block, "type", &mut |text| text.clone_into(&mut kind));
    match &*kind {
        "text" => json::text_field(block, "text", &mut |text| visit(role, text)),
        "thinking" => json::text_field(block, "thinking", &mut |text| visit(role, text)),
        "tool_result" => {
            json::field(block, "content", &mut |value| {
                content(value, Role::Tool, visit);
            });
        }
        kind if kind.ends_with("tool_use") => {
            json::field(block, "input", &mut |input| {
                if !json::is_hollow(input) {
                    visit(role, input);
                }
            });
        }
        "document" => {
            json::field(block, "source", &mut |source| {
                let mut is_text = false;
                json::text_field(source, "type", &mut |kind| is_text = kind == "text");
                if is_text {
                    json::text_field(source, "data", &mut |text| visit(role, text));
                }
            });
        }
        _ => {}
    }
}
