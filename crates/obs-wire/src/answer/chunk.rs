//! One event of a streamed answer.
use std::{fmt, str, sync::OnceLock};

use bytes::Bytes;
use obs_core::{Finish, LlmChunk, Usage};

use crate::{Edit, Event, EventFacts, Format, Piece, json, splice::splice};

/// One event of a streamed answer: its name and its data, byte for byte, and what the layers ask of it.
pub struct Chunk<F: Format> {
    event: Event,
    /// Read when it is first asked for: a replayed chunk may never be.
    facts: OnceLock<EventFacts<F::Mark>>,
}

impl<F: Format> Chunk<F> {
    /// A chunk of this JSON text, of an event without name. What is no chunk carries nothing, and is passed on all the
    /// same.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self::of(Event {
            name: None,
            data: data.into(),
        })
    }

    /// A chunk of this event.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self {
            event,
            facts: OnceLock::new(),
        }
    }

    /// The JSON text, as it came in the stream.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.event.data
    }

    /// The event, as it came.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Whether it tells the usage and nothing else, in a format where only those callers get such a chunk who ask for it.
    #[must_use]
    pub fn tells_only_usage(&self) -> bool {
        self.facts().only_usage
    }

    /// What was read of it.
    pub fn facts(&self) -> &EventFacts<F::Mark> {
        self.facts
            .get_or_init(|| read_event::<F>(&self.event).unwrap_or_default())
    }

    pub(crate) fn known(event: Event, facts: EventFacts<F::Mark>) -> Self {
        Self {
            event,
            facts: OnceLock::from(facts),
        }
    }
}

/// `Err`: the data is no JSON object.
pub(crate) fn read_event<F: Format>(event: &Event) -> Result<EventFacts<F::Mark>, String> {
    let data = str::from_utf8(&event.data).map_err(|error| error.to_string())?;
    F::read_event(event.name.as_deref(), data).map_err(|error| error.to_string())
}

impl<F: Format> LlmChunk for Chunk<F> {
    fn usage(&self) -> Option<Usage> {
        self.facts().usage.as_deref().copied()
    }

    fn model(&self) -> Option<&str> {
        self.facts().model.get(self.data())
    }

    fn id(&self) -> Option<&str> {
        self.facts().id.get(self.data())
    }

    fn go_on(&mut self, id: &str) {
        let Piece::At(at) = &self.facts().id else {
            return;
        };
        let (at, name) = (at.clone(), json::quoted(id));
        let mut facts = self.facts().clone();
        // Without the quotes.
        let name = &name[1..name.len() - 1];
        facts.model.moved(&at, name.len());
        facts.text.moved(&at, name.len());
        facts.id = Piece::Copy(id.into());
        let edit = Edit::new(at, name);
        self.event.data = splice(&self.event.data, vec![edit]);
        self.facts = OnceLock::from(facts);
    }

    /// Text, reasoning, a refusal, a call of a tool, audio; not the role alone, nor an empty string.
    fn is_content(&self) -> bool {
        self.facts().is_content
    }

    fn finish(&self) -> Option<Finish> {
        self.facts().finish
    }

    /// Of the first answer in it.
    fn text(&self) -> &str {
        self.facts().text.get(self.data()).unwrap_or_default()
    }

    fn visit_margins(&self, visit: &mut dyn FnMut(f64)) {
        if let Ok(data) = str::from_utf8(self.data()) {
            F::visit_margins(data, visit);
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.data().len()
    }
}

impl<F: Format> Clone for Chunk<F> {
    fn clone(&self) -> Self {
        Self {
            event: self.event.clone(),
            facts: self.facts.clone(),
        }
    }
}

/// Without its content.
impl<F: Format> fmt::Debug for Chunk<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("format", &F::NAME)
            .field("bytes", &self.data().len())
            .field("finish", &self.finish())
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}
