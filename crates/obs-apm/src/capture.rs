//! What prompts and answers say, where it is wanted.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use obs_core::{Finish, LlmRequest, Role};
use opentelemetry::KeyValue;
use serde_json::{Value, json};

use crate::names;

/// Most bytes of a prompt, and of an answer, unless told otherwise.
const BYTES: usize = 16 * 1024;

/// Most bytes of an answer that are held for a hook, which might not know the half of a secret for one.
const HELD: usize = 1 << 20;

/// Changes a text before it is captured; `None` leaves it out.
type Redact = dyn Fn(Role, String) -> Option<String> + Send + Sync;

/// What is captured of prompts and answers. Unless a layer is [told](crate::ApmLayer::capture) to capture, nothing is.
///
/// The texts go into the spans of sampled calls, as `gen_ai.input.messages`, `gen_ai.system_instructions` and
/// `gen_ai.output.messages`, and so to whoever can read traces.
///
/// ```
/// use obs_apm::{ApmLayer, Capture};
///
/// // Questions without anything that looks like a number of a card, and no instructions.
/// let capture = Capture::new().redact(|role, text| match role {
///     obs_core::Role::System => None,
///     _ if text.bytes().filter(u8::is_ascii_digit).count() >= 12 => Some("[redacted]".to_owned()),
///     _ => Some(text),
/// });
/// let layer = ApmLayer::new().capture(capture);
/// # let _ = layer;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Capture {
    redact: Option<Arc<Redact>>,
    bytes: usize,
}

/// The texts of one call.
#[derive(Debug)]
pub(crate) struct Captured {
    capture: Capture,
    instructions: Vec<Value>,
    input: Vec<Value>,
    output: String,
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Capture {
    /// All texts, the first 16 KiB of each prompt and of each answer.
    pub const fn new() -> Self {
        Self {
            redact: None,
            bytes: BYTES,
        }
    }

    /// Shows each text to this function first, and captures what it gives, up to the [limit](Self::max_bytes): `None` leaves it
    /// out. An answer is shown whole, streamed or not, or the first MiB of it, which is held until then. A panic leaves the text out.
    pub fn redact(
        mut self,
        redact: impl Fn(Role, String) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// Captures at most so many bytes of each prompt and of each answer.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    pub(crate) fn prompt<R: LlmRequest>(&self, request: &R) -> Captured {
        let mut captured = Captured {
            capture: self.clone(),
            instructions: Vec::new(),
            input: Vec::new(),
            output: String::new(),
        };
        let mut left = self.bytes;
        request.visit_prompt(&mut |role, text| {
            let Some(text) = self.redacted(role, text.to_owned()) else {
                return;
            };
            let text = start(&text, left);
            left -= text.len();
            if text.is_empty() {
                return;
            }
            let part = json!({"type": "text", "content": text});
            match role {
                Role::System => captured.instructions.push(part),
                _ => captured
                    .input
                    .push(json!({"role": name(role), "parts": [part]})),
            }
        });
        captured
    }

    fn redacted(&self, role: Role, text: String) -> Option<String> {
        match &self.redact {
            None => Some(text),
            Some(redact) => {
                let redacted = catch_unwind(AssertUnwindSafe(|| redact(role, text)));
                redacted.unwrap_or(None)
            }
        }
    }
}

impl Captured {
    /// A piece of the answer.
    pub(crate) fn answer(&mut self, text: &str) {
        let most = match self.capture.redact {
            Some(_) => self.capture.bytes.max(HELD),
            None => self.capture.bytes,
        };
        let left = most.saturating_sub(self.output.len());
        self.output.push_str(start(text, left));
    }

    pub(crate) fn attributes(self, finish: Option<Finish>) -> Vec<KeyValue> {
        let mut all = Vec::new();
        let mut add = |key, values: Vec<Value>| {
            if !values.is_empty() {
                all.push(KeyValue::new(key, Value::Array(values).to_string()));
            }
        };
        add(names::SYSTEM_INSTRUCTIONS, self.instructions);
        add(names::INPUT_MESSAGES, self.input);
        let output = Some(self.output).filter(|output| !output.is_empty());
        let output = output.and_then(|output| self.capture.redacted(Role::Assistant, output));
        let output = output
            .as_deref()
            .map(|output| start(output, self.capture.bytes));
        if let Some(output) = output.filter(|output| !output.is_empty()) {
            let part = json!({"type": "text", "content": output});
            let finish = finish.map_or("unknown", Finish::as_str);
            let message = json!({"role": "assistant", "parts": [part], "finish_reason": finish});
            add(names::OUTPUT_MESSAGES, vec![message]);
        }
        all
    }
}

/// The longest start of a text that has at most so many bytes.
fn start(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary_at(bytes)]
}

/// As of Rust 1.91, the standard library has it.
trait FloorCharBoundary {
    fn floor_char_boundary_at(&self, index: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_at(&self, index: usize) -> usize {
        let bounded = index.min(self.len());
        (0..=bounded)
            .rev()
            .find(|index| self.is_char_boundary(*index))
            .unwrap_or(0)
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("redacts", &self.redact.is_some())
            .field("max_bytes", &self.bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(start("ä", 1), "");
        assert_eq!(start("aä", 2), "a");
        assert_eq!(start("aä", 3), "aä");
        assert_eq!(start("aä", 100), "aä");
    }
}
