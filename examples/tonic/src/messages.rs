//! What the layers must know of the messages.
use std::convert::Infallible;

use bytes::Bytes;
use obs_core::{
    BoxError, ChunkStream, Fingerprint, Finish, LlmChunk, LlmRequest, LlmResponse, Replay, Role,
    Usage,
};
use prost::Message;

use crate::proto::{Answer, Ask, Piece};

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }

    fn set_model(&mut self, model: &str) {
        model.clone_into(&mut self.model);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.prompt);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.model.as_bytes())
            .field("prompt", self.prompt.as_bytes());
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        Some(usage(self.input_tokens, self.output_tokens))
    }

    fn model(&self) -> Option<&str> {
        Some(&self.model)
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        visit(&self.text);
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(self.encode_to_vec().into())
    }

    fn decode(stored: &Bytes, _streamed: bool) -> Result<Self, BoxError> {
        Ok(Message::decode(stored.clone())?)
    }
}

/// A streamed answer.
pub(crate) struct Pieces(ChunkStream<Piece>);

impl From<ChunkStream<Piece>> for Pieces {
    fn from(pieces: ChunkStream<Piece>) -> Self {
        Self(pieces)
    }
}

impl LlmResponse for Pieces {
    type Chunk = Piece;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Piece>> {
        Some(&mut self.0)
    }

    fn stream(&self) -> Option<&ChunkStream<Piece>> {
        Some(&self.0)
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl LlmChunk for Piece {
    fn usage(&self) -> Option<Usage> {
        self.last
            .then(|| usage(self.input_tokens, self.output_tokens))
    }

    fn is_content(&self) -> bool {
        !self.text.is_empty()
    }

    fn finish(&self) -> Option<Finish> {
        self.last.then_some(Finish::Stop)
    }

    fn text(&self) -> &str {
        &self.text
    }
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}
