//! The answer of a replayed call.
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use obs_core::{BoxError, Capture, ChunkStream, Finish, LlmChunk, LlmResponse, Replay, Usage};

use crate::{Outcome, told::Told};

/// The answer of a replayed call: what is known of it, whole or as a stream.
#[derive(Debug)]
pub struct Answer {
    told: Arc<Told>,
    stream: Option<ChunkStream<Piece>>,
}

/// A piece of a streamed answer: there are two, the first token and all the rest.
#[derive(Clone, Debug)]
pub struct Piece(Option<Arc<Told>>);

/// Gathers pieces.
#[derive(Debug, Default)]
pub struct Gathered(Option<Arc<Told>>);

impl Answer {
    /// How good it is, from 0 to 1, where that is known.
    #[must_use]
    pub fn quality(&self) -> Option<f32> {
        self.told.quality
    }

    /// What a judge said of it when it was recorded: whether it was accepted. `None`: nobody knows.
    #[must_use]
    pub fn accepted(&self) -> Option<bool> {
        self.told.accepted
    }

    /// Whether a second answer was asked for when it was recorded, to compare the two.
    #[must_use]
    pub fn was_asked_again(&self) -> bool {
        self.told.asked_again
    }

    /// Its text, where that is known.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.told.text.as_deref()
    }

    /// With its pieces as they come.
    pub(crate) fn streamed(
        told: Arc<Told>,
        pieces: impl Stream<Item = Result<Piece, obs_core::Error>> + Send + 'static,
    ) -> Self {
        Self {
            told,
            stream: Some(ChunkStream::new(pieces)),
        }
    }

    pub(crate) const fn whole(told: Arc<Told>) -> Self {
        Self { told, stream: None }
    }

    pub(crate) fn take_stream(&mut self) -> Option<ChunkStream<Piece>> {
        self.stream.take()
    }
}

impl From<&Outcome> for Answer {
    fn from(outcome: &Outcome) -> Self {
        Self::whole(Arc::new(Told::of(outcome)))
    }
}

impl Piece {
    pub(crate) const FIRST: Self = Self(None);

    pub(crate) const fn rest(told: Arc<Told>) -> Self {
        Self(Some(told))
    }

    /// What is known once it is all there.
    pub(crate) fn into_told(self) -> Option<Arc<Told>> {
        self.0
    }
}

impl LlmResponse for Answer {
    type Chunk = Piece;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Piece>> {
        self.stream.as_mut()
    }

    fn stream(&self) -> Option<&ChunkStream<Piece>> {
        self.stream.as_ref()
    }

    /// A stream tells it with its end.
    fn usage(&self) -> Option<Usage> {
        self.told.usage.filter(|_| self.stream.is_none())
    }

    fn model(&self) -> Option<&str> {
        let told = self.stream.is_none().then_some(&self.told)?;
        told.model.as_deref()
    }

    /// Of a recorded answer it is not known; it did end.
    fn finish(&self) -> Option<Finish> {
        Some(Finish::Stop)
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(text) = &self.told.text {
            visit(text);
        }
    }
}

impl LlmChunk for Piece {
    fn usage(&self) -> Option<Usage> {
        self.0.as_ref()?.usage
    }

    fn model(&self) -> Option<&str> {
        self.0.as_ref()?.model.as_deref()
    }

    fn is_content(&self) -> bool {
        true
    }

    fn finish(&self) -> Option<Finish> {
        self.0.is_some().then_some(Finish::Stop)
    }

    fn text(&self) -> &str {
        let told = self.0.as_ref();
        told.and_then(|told| told.text.as_deref())
            .unwrap_or_default()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.as_ref().map_or(0, |told| told.bytes)
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(self.told.encoded())
    }

    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError> {
        let told = Arc::new(Told::decoded(stored)?);
        Ok(match streamed {
            false => Self::whole(told),
            true => {
                let pieces = [Piece::FIRST, Piece::rest(told.clone())].map(Ok);
                Self::streamed(told, stream::iter(pieces))
            }
        })
    }

    /// Its text is not kept.
    fn visit_meaning(&self, visit: &mut dyn FnMut(&[u8])) {
        visit(&self.told.encoded());
    }

    fn from_stream(chunks: ChunkStream<Piece>) -> Self {
        Self {
            told: Arc::default(),
            stream: Some(chunks),
        }
    }
}

impl Capture for Piece {
    type Recorder = Gathered;

    fn record(&self, into: &mut Gathered) {
        if let Some(told) = &self.0 {
            into.0 = Some(told.clone());
        }
    }

    fn recorded(recorder: Gathered) -> Option<Bytes> {
        Some(recorder.0?.encoded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_was_told() {
        let outcome = Outcome {
            model: Some("m".into()),
            usage: Some(Usage {
                input: 3,
                output: 4,
                ..Usage::default()
            }),
            quality: Some(0.5),
            bytes: 500,
            ..Outcome::default()
        };
        let stored = Answer::from(&outcome).encode().unwrap();
        assert_eq!(stored.len(), 500);
        let again = Answer::decode(&stored, false).unwrap();
        assert_eq!(again.told, Arc::new(Told::of(&outcome)));
        let streamed = Answer::decode(&stored, true).unwrap();
        assert_eq!(
            (streamed.usage(), streamed.quality()),
            (None, Some(0.5)),
            "usage comes last"
        );
        assert!(Answer::decode(&stored.slice(..20), false).is_err());
    }
}
