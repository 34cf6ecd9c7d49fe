//! A chat whose answers come whole or as a stream, and usage after the finish reason.
use obs_core::*;
use tokio::sync::mpsc;

#[derive(Clone, Debug)]
pub(crate) struct Ask(pub(crate) &'static str);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        self.0
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.0.as_bytes());
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(&'static str),
    Stop,
    Used(u64),
}

impl LlmChunk for Piece {
    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Used(output) => Some(used(*output)),
            _ => None,
        }
    }
    fn model(&self) -> Option<&str> {
        Some("small-2026-01-01")
    }
    fn is_content(&self) -> bool {
        matches!(self, Self::Text(text) if !text.is_empty())
    }
    fn finish(&self) -> Option<Finish> {
        (*self == Self::Stop).then_some(Finish::Stop)
    }
    fn size(&self) -> usize {
        10
    }
}

#[derive(Debug)]
pub(crate) enum Answer {
    Whole(u64),
    Stream(ChunkStream<Piece>),
}

impl LlmResponse for Answer {
    type Chunk = Piece;
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Piece>> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(chunks) => Some(chunks),
        }
    }
    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Whole(output) => Some(used(*output)),
            Self::Stream(_) => None,
        }
    }
    fn model(&self) -> Option<&str> {
        match self {
            Self::Whole(_) => Some("small-2026-01-01"),
            Self::Stream(_) => None,
        }
    }
}

impl Answer {
    pub(crate) fn chunks(self) -> ChunkStream<Piece> {
        match self {
            Self::Stream(chunks) => chunks,
            Self::Whole(_) => panic!("a whole answer"),
        }
    }
}

pub(crate) fn used(output: u64) -> Usage {
    Usage {
        output,
        ..Usage::default()
    }
}

pub(crate) type Sender = mpsc::UnboundedSender<Result<Piece, Error>>;

pub(crate) fn channel() -> (Sender, ChunkStream<Piece>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let chunks = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, ChunkStream::new(chunks))
}

/// Output tokens: two pico-dollars each with `small`, ten with `big`.
pub(crate) fn prices() -> PriceTable {
    let price = |output| Price::per_million("0", output).expect("is a price");
    PriceTable::default()
        .with_model("small", price("0.000002"))
        .with_model("big", price("0.00001"))
}
