//! What the layers must know of an answer and of its chunks.
use std::convert::Infallible;

use crate::{ChunkStream, Usage};

/// An answer, whole or as a stream.
///
/// One that never streams needs four lines: `Chunk = Infallible`, `usage`, `model` and `finish`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no LLM answer: it does not implement `LlmResponse`",
    note = "implement `LlmResponse` for what your service answers, or wrap the service outside of these layers"
)]
pub trait LlmResponse {
    /// [`Infallible`] for a type that never streams.
    type Chunk: LlmChunk;

    /// The place of the chunks, for layers to wrap them or to read ahead; `None` when the answer is whole.
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Self::Chunk>> {
        None
    }

    /// The same place, to look at what was read ahead: for judges of streamed answers. Implement both or neither.
    fn stream(&self) -> Option<&ChunkStream<Self::Chunk>> {
        None
    }

    /// What a whole answer used; a stream tells it in its chunks.
    fn usage(&self) -> Option<Usage>;

    /// The model that says that it gave a whole answer.
    fn model(&self) -> Option<&str> {
        None
    }

    /// The provider's name for a whole answer, for spans.
    fn id(&self) -> Option<&str> {
        None
    }

    /// Why a whole answer ends where it ends. `None`: it is complete (as embeddings are).
    fn finish(&self) -> Option<Finish> {
        None
    }

    /// How sure the model was of a whole answer, where the provider tells: by how much each token was likelier than the next
    /// likeliest one, in natural logarithms, on average.
    fn margin(&self) -> Option<f32> {
        None
    }

    /// Visits the text of a whole answer, for judges, and for the capture of content where it is switched on.
    fn visit_text(&self, _visit: &mut dyn FnMut(&str)) {}
}

/// What layers do with the stream of an answer.
pub trait LlmResponseExt: LlmResponse + sealed::Sealed {
    /// Puts something around the stream, if there is one.
    fn wrap_stream(
        &mut self,
        wrap: impl FnOnce(ChunkStream<Self::Chunk>) -> ChunkStream<Self::Chunk>,
    ) {
        if let Some(place) = self.stream_mut() {
            *place = wrap(std::mem::take(place));
        }
    }
}

impl<T: LlmResponse> LlmResponseExt for T {}

mod sealed {
    pub trait Sealed {}
    impl<T: super::LlmResponse> Sealed for T {}
}

/// One chunk of a streamed answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no chunk of an LLM answer",
    note = "without streams: `type Chunk = Infallible;`"
)]
pub trait LlmChunk: Send + 'static {
    /// Usage, if this chunk tells it; of several, the larger of each figure stands.
    ///
    /// Such chunks always flow inside the stack; the edge strips them for clients that did not ask.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// The model that says that it answers.
    fn model(&self) -> Option<&str> {
        None
    }

    /// The provider's name for the answer, for spans.
    fn id(&self) -> Option<&str> {
        None
    }

    /// Is part of an answer that another one goes on with: takes over its name, if it has one.
    fn go_on(&mut self, _id: &str) {}

    /// Whether it carries generated content. The first such chunk is the first token.
    fn is_content(&self) -> bool;

    /// Set when the answer is complete with this chunk, but for usage.
    fn finish(&self) -> Option<Finish> {
        None
    }

    /// The text that it adds.
    fn text(&self) -> &str {
        ""
    }

    /// Visits of each token that it adds by how much it was likelier than the next likeliest one, in natural logarithms, where the
    /// provider tells: see [`LlmResponse::margin`].
    fn visit_margins(&self, _visit: &mut dyn FnMut(f64)) {}

    /// About how many bytes it holds.
    fn size(&self) -> usize {
        std::mem::size_of_val(self) + self.text().len()
    }
}

/// Why an answer ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// The limit of tokens was reached: it is cut.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// A filter removed some or all of it.
    ContentFilter,
    /// A reason that is not known here.
    Other,
}

impl Finish {
    /// Whether this is all of the answer, as far as is known: [`Stop`](Self::Stop) and
    /// [`ToolCalls`](Self::ToolCalls).
    #[must_use]
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Stop | Self::ToolCalls)
    }

    /// A fixed lower-case name, for labels and attributes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other => "other",
        }
    }
}

/// The chunk of answers that are never streamed: there is none.
impl LlmChunk for Infallible {
    fn is_content(&self) -> bool {
        match *self {}
    }
}
