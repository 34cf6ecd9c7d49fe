//! From a stream to the message that would have come instead.
use obs_core::BoxError;
use obs_wire::{Event, Members, Unlike, Writer, json};

#[derive(Default)]
struct Message<'a> {
    started: bool,
    members: Members<'a>,
    usage: Members<'a>,
    /// In the order of their index.
    blocks: Vec<(u64, Block<'a>)>,
}

#[derive(Default)]
struct Block<'a> {
    members: Members<'a>,
    text: Grown,
    thinking: Grown,
    signature: Grown,
    input: String,
    citations: Vec<&'a str>,
}

/// A string that deltas add to; `None`: none did.
type Grown = Option<String>;

/// Puts the events of a complete stream together.
pub(crate) fn merge(events: &[Event]) -> Result<String, BoxError> {
    let mut message = Message::default();
    for event in events {
        message.add(std::str::from_utf8(&event.data)?)?;
    }
    if !message.started {
        return Err("the kept stream has no message_start".into());
    }
    let mut out = Writer::default();
    let mut result = Ok(());
    out.object(|to| result = message.write(to));
    result?;
    Ok(out.finish())
}

impl<'a> Message<'a> {
    fn add(&mut self, data: &'a str) -> Result<(), BoxError> {
        let mut event = Members::read(data)?;
        let kind = event.take("type").and_then(json::text);
        match kind.as_deref() {
            Some("message_start") => {
                self.started = true;
                self.members = Members::read(event.take("message").unwrap_or("{}"))?;
                self.members.take("content");
                let usage = self.members.take("usage");
                self.usage = Members::read(usage.unwrap_or("{}"))?;
                Ok(())
            }
            Some("content_block_start") => {
                let members = Members::read(event.take("content_block").unwrap_or("{}"))?;
                self.block(&mut event).members = members;
                Ok(())
            }
            Some("content_block_delta") => {
                let delta = event.take("delta").unwrap_or("{}");
                self.block(&mut event).add(delta)
            }
            Some("message_delta") => {
                if let Some(usage) = event.take("usage") {
                    set_all(&mut self.usage, usage)?;
                }
                if let Some(delta) = event.take("delta") {
                    set_all(&mut self.members, delta)?;
                }
                // What else is told at the end concerns the message.
                self.members.set_all(event);
                Ok(())
            }
            Some("content_block_stop" | "message_stop" | "ping") => Ok(()),
            // What it says may belong into the message.
            Some(kind) => Err(Unlike::new(kind).into()),
            None => Err(Unlike::new("type").into()),
        }
    }

    fn block(&mut self, event: &mut Members<'a>) -> &mut Block<'a> {
        let index = event.take("index").and_then(json::count).unwrap_or(0);
        let at = self
            .blocks
            .binary_search_by_key(&index, |(index, _)| *index);
        let at = at.unwrap_or_else(|at| {
            self.blocks.insert(at, (index, Block::default()));
            at
        });
        &mut self.blocks[at].1
    }

    fn write(&self, to: &mut Writer) -> Result<(), BoxError> {
        self.members.write(to);
        to.key("content");
        let mut result = Ok(());
        to.array(|to| {
            for (_, block) in &self.blocks {
                to.object(|to| {
                    if result.is_ok() {
                        result = block.write(to);
                    }
                });
            }
        });
        to.key("usage");
        to.object(|to| self.usage.write(to));
        result
    }
}

fn set_all<'a>(members: &mut Members<'a>, object: &'a str) -> Result<(), BoxError> {
    if !json::is_null(object) {
        members.set_all(Members::read(object)?);
    }
    Ok(())
}

impl<'a> Block<'a> {
    fn add(&mut self, delta: &'a str) -> Result<(), BoxError> {
        let mut delta = Members::read(delta)?;
        let kind = delta.take("type").and_then(json::text);
        let kind = kind.as_deref().unwrap_or_default();
        let (place, key) = match kind {
            "text_delta" => (&mut self.text, "text"),
            "thinking_delta" => (&mut self.thinking, "thinking"),
            "signature_delta" => (&mut self.signature, "signature"),
            "input_json_delta" => {
                let more = delta.take("partial_json").and_then(json::text);
                self.input.push_str(&more.unwrap_or_default());
                return Ok(());
            }
            "citations_delta" => {
                self.citations.extend(delta.take("citation"));
                return Ok(());
            }
            other => return Err(Unlike::new(other).into()),
        };
        let more = delta.take(key).and_then(json::text);
        let more = more.ok_or_else(|| Unlike::new(key))?;
        let text = place.get_or_insert_with(|| {
            let begun = self.members.get(key).and_then(json::text);
            begun.unwrap_or_default().into_owned()
        });
        text.push_str(&more);
        Ok(())
    }

    fn write(&self, to: &mut Writer) -> Result<(), BoxError> {
        let input = (!self.input.trim_ascii().is_empty()).then_some(&self.input);
        if let Some(input) = input {
            // Cut, it would break the answer.
            serde_json::from_str::<&serde_json::value::RawValue>(input)?;
        }
        let grown = [
            ("text", self.text.as_deref().map(json::quoted)),
            ("thinking", self.thinking.as_deref().map(json::quoted)),
            ("signature", self.signature.as_deref().map(json::quoted)),
            ("input", input.map(|input| input.trim_ascii().to_owned())),
            ("citations", self.citations()),
        ];
        self.members.write_with(to, &grown);
        Ok(())
    }

    /// Those that the block began with, and those that were added.
    fn citations(&self) -> Option<String> {
        if self.citations.is_empty() {
            return None;
        }
        let mut out = Writer::default();
        out.array(|to| {
            if let Some(begun) = self.members.get("citations") {
                // Null, or a piece of what was read before.
                let _ = json::items(begun, |citation| to.value(citation));
            }
            self.citations
                .iter()
                .for_each(|citation| to.value(citation));
        });
        Some(out.finish())
    }
}
