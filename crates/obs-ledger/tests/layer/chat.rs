//! A chat whose answers come whole or as a stream, and a place where entries are kept.
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream;
use obs_core::*;
use obs_ledger::{Entry, LedgerLayer, Record};

#[derive(Clone, Debug)]
pub(crate) struct Ask(pub(crate) &'static str);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "m"
    }
    fn set_model(&mut self, _: &str) {}
    fn streams(&self) -> bool {
        self.0 == "stream"
    }
    fn cacheable(&self) -> bool {
        self.0 != "another"
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::System, "be kind");
        visit(Role::User, self.0);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("prompt", self.0.as_bytes());
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Chunk {
    Text(&'static str),
    Stop,
    Used,
}

impl LlmChunk for Chunk {
    fn usage(&self) -> Option<Usage> {
        (*self == Self::Used).then(used)
    }
    fn is_content(&self) -> bool {
        matches!(self, Self::Text(_))
    }
    fn finish(&self) -> Option<Finish> {
        (*self == Self::Stop).then_some(Finish::Stop)
    }
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

#[derive(Debug)]
pub(crate) enum Answer {
    Whole,
    Stream(ChunkStream<Chunk>),
}

impl LlmResponse for Answer {
    type Chunk = Chunk;
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Chunk>> {
        match self {
            Self::Whole => None,
            Self::Stream(chunks) => Some(chunks),
        }
    }
    fn usage(&self) -> Option<Usage> {
        matches!(self, Self::Whole).then(used)
    }
    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if matches!(self, Self::Whole) {
            visit("he");
            visit("llo");
        }
    }
}

impl Answer {
    pub(crate) fn of(chunks: impl IntoIterator<Item = Result<Chunk, Error>>) -> Self {
        let chunks: Vec<_> = chunks.into_iter().collect();
        Self::Stream(ChunkStream::new(stream::iter(chunks)))
    }

    pub(crate) fn streamed() -> Self {
        let chunks = [
            Chunk::Text("he"),
            Chunk::Text("llo"),
            Chunk::Stop,
            Chunk::Used,
        ];
        Self::of(chunks.map(Ok))
    }
}

fn used() -> Usage {
    Usage {
        input: 3,
        output: 10,
        ..Usage::default()
    }
}

pub(crate) fn prices() -> PriceTable {
    let price = Price::per_million("0", "0.000001").unwrap();
    PriceTable::new().with_model("m", price)
}

/// Keeps what is told.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Record>>>);

impl Kept {
    pub(crate) fn layer(&self) -> LedgerLayer {
        let kept = self.clone();
        LedgerLayer::new(move |record| kept.0.lock().unwrap().push(record))
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let of = |record| match record {
            Record::Call(entry) => *entry,
            Record::Feedback(feedback) => panic!("{feedback:?}"),
        };
        self.records().into_iter().map(of).collect()
    }

    #[track_caller]
    pub(crate) fn one(&self) -> Entry {
        let mut all = self.entries();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}
