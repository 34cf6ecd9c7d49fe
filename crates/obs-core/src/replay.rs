//! What a cache needs of an answer.
use std::convert::Infallible;

use bytes::Bytes;

use crate::{BoxError, ChunkStream, LlmChunk, LlmResponse};

/// An answer that can be kept and given again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached: it does not implement `Replay`",
    note = "implement `Replay` (`encode` and `decode`), or leave the cache layer out"
)]
pub trait Replay: LlmResponse<Chunk: Capture> + Sized + Send + 'static {
    /// A whole answer as bytes. `None`: it is not to be kept, nor shared.
    fn encode(&self) -> Option<Bytes>;

    /// The answer that [`encode`](Self::encode) or a recorder kept. `streamed` is a wish: a type that never streams
    /// overlooks it.
    ///
    /// # Errors
    /// When the bytes are none that were kept. Such an entry is a miss.
    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError>;

    /// Visits what a whole answer says, and nothing that is another each time that it is asked for, such as names and
    /// times: for telling whether a newer answer says something else. By default its text; all that
    /// [`encode`](Self::encode) gives, where it has none.
    fn visit_meaning(&self, visit: &mut dyn FnMut(&[u8])) {
        let mut has_text = false;
        self.visit_text(&mut |text| {
            has_text |= !text.is_empty();
            visit(text.as_bytes());
        });
        if !has_text && let Some(bytes) = self.encode() {
            visit(&bytes);
        }
    }

    /// A streamed answer of these chunks.
    ///
    /// # Panics
    /// The default does: it is only called for types whose `stream_mut` gave some chunks, and those define it.
    #[must_use]
    fn from_stream(chunks: ChunkStream<Self::Chunk>) -> Self {
        drop(chunks);
        unreachable!("a response that streams defines `from_stream`")
    }
}

/// A chunk that can be given to several, and gathered with others into what [`Replay::encode`] gives.
pub trait Capture: LlmChunk + Clone {
    /// Gathers chunks.
    type Recorder: Default + Send + 'static;

    /// Adds this chunk.
    fn record(&self, into: &mut Self::Recorder);

    /// All that was gathered. `None`: the answer is not complete, or not to be kept.
    fn recorded(recorder: Self::Recorder) -> Option<Bytes>;
}

impl Capture for Infallible {
    type Recorder = ();

    fn record(&self, (): &mut ()) {
        match *self {}
    }

    fn recorded((): ()) -> Option<Bytes> {
        None
    }
}
