//! A chat in the manner of OpenAI: an answer comes whole or as a stream, and usage after the finish reason.
use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::StreamExt;
use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tower::Layer;
use tower_test::mock;

#[derive(Clone, Debug, Default)]
pub(crate) struct Req {
    pub(crate) model: String,
    pub(crate) prompt: String,
    pub(crate) stream: bool,
    pub(crate) operation: Operation,
    pub(crate) uncacheable: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) data: Bytes,
    pub(crate) told: Told,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) ends: Ends,
    pub(crate) usage: Option<Usage>,
}

/// `Odd`: it ends, and cannot be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Ends {
    #[default]
    Not,
    Stop,
    Length,
    Filter,
    Odd,
}

/// `id` stands for what only the answer itself has, such as headers.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) body: Body,
    pub(crate) id: u32,
}

#[derive(Debug)]
pub(crate) enum Body {
    Whole(Bytes, Told),
    Stream(ChunkStream<Chunk>),
}

impl LlmRequest for Req {
    fn model(&self) -> &str {
        &self.model
    }
    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }
    fn operation(&self) -> Operation {
        self.operation
    }
    fn streams(&self) -> bool {
        self.stream
    }
    fn cacheable(&self) -> bool {
        !self.uncacheable
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.prompt);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.model.as_bytes())
            .field("prompt", self.prompt.as_bytes());
    }
}

impl Ends {
    fn finish(self) -> Option<Finish> {
        match self {
            Self::Not => None,
            Self::Stop => Some(Finish::Stop),
            Self::Length => Some(Finish::Length),
            Self::Filter => Some(Finish::ContentFilter),
            Self::Odd => Some(Finish::Other),
        }
    }
}

impl Chunk {
    pub(crate) fn new(told: Told) -> Self {
        Self {
            data: serde_json::to_vec(&told).unwrap().into(),
            told,
        }
    }
}

impl LlmChunk for Chunk {
    fn usage(&self) -> Option<Usage> {
        self.told.usage
    }
    fn is_content(&self) -> bool {
        !self.told.text.is_empty()
    }
    fn finish(&self) -> Option<Finish> {
        self.told.ends.finish()
    }
    fn size(&self) -> usize {
        self.data.len()
    }
}

impl Told {
    fn bytes(&self) -> Option<Bytes> {
        let sharable = !matches!(self.ends, Ends::Not | Ends::Odd);
        sharable.then(|| serde_json::to_vec(self).unwrap().into())
    }
}

impl Capture for Chunk {
    type Recorder = Told;

    fn record(&self, into: &mut Told) {
        assert_ne!(self.told.text, "panic");
        into.text.push_str(&self.told.text);
        if self.told.ends != Ends::Not {
            into.ends = self.told.ends;
        }
        if let Some(usage) = self.told.usage {
            into.usage = Some(into.usage.unwrap_or_default().max(usage));
        }
    }

    fn recorded(told: Told) -> Option<Bytes> {
        told.bytes()
    }
}

impl LlmResponse for Chat {
    type Chunk = Chunk;

    fn usage(&self) -> Option<Usage> {
        match &self.body {
            Body::Whole(_, told) => told.usage,
            Body::Stream(_) => None,
        }
    }
    fn finish(&self) -> Option<Finish> {
        match &self.body {
            Body::Whole(_, told) => told.ends.finish(),
            Body::Stream(_) => None,
        }
    }
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Chunk>> {
        match &mut self.body {
            Body::Stream(chunks) => Some(chunks),
            Body::Whole(..) => None,
        }
    }
}

impl Replay for Chat {
    fn encode(&self) -> Option<Bytes> {
        assert_ne!(self.id, 13);
        match &self.body {
            Body::Whole(bytes, told) => told.bytes().map(|_| bytes.clone()),
            Body::Stream(_) => None,
        }
    }

    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError> {
        assert_ne!(stored, "panic");
        let told: Told = serde_json::from_slice(stored)?;
        if !streamed {
            let body = Body::Whole(stored.clone(), told);
            return Ok(Self { body, id: 0 });
        }
        let content = Told {
            text: told.text.clone(),
            ..Told::default()
        };
        let end = Told {
            text: String::new(),
            ..told
        };
        let chunks = [content, end].map(|told| Ok(Chunk::new(told)));
        Ok(Self::from_stream(ChunkStream::new(
            futures_util::stream::iter(chunks),
        )))
    }

    fn from_stream(chunks: ChunkStream<Chunk>) -> Self {
        Self {
            body: Body::Stream(chunks),
            id: 0,
        }
    }
}

/// A whole answer of ten tokens: 50 pico-dollars.
pub(crate) fn whole(text: &str) -> Chat {
    ending(text, Ends::Stop)
}

pub(crate) fn ending(text: &str, ends: Ends) -> Chat {
    let told = Told {
        text: text.into(),
        ends,
        usage: Some(used(10)),
    };
    Chat {
        body: Body::Whole(serde_json::to_vec(&told).unwrap().into(), told),
        id: 0,
    }
}

fn used(output: u64) -> Usage {
    Usage {
        output,
        ..Usage::default()
    }
}

pub(crate) fn text(text: &str) -> Chunk {
    Chunk::new(Told {
        text: text.into(),
        ..Told::default()
    })
}

pub(crate) fn end(ends: Ends) -> Chunk {
    Chunk::new(Told {
        ends,
        ..Told::default()
    })
}

pub(crate) fn stop() -> Chunk {
    end(Ends::Stop)
}

pub(crate) fn bill(tokens: u64) -> Chunk {
    Chunk::new(Told {
        usage: Some(used(tokens)),
        ..Told::default()
    })
}

pub(crate) type Tx = mpsc::UnboundedSender<Result<Chunk, Error>>;

pub(crate) fn stream() -> (Tx, Chat) {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let chunks = futures_util::stream::poll_fn(move |cx| rx.poll_recv(cx));
    (tx, Chat::from_stream(ChunkStream::new(chunks)))
}

/// A streamed answer that is there already.
pub(crate) fn streamed(chunks: impl IntoIterator<Item = Chunk>) -> Chat {
    let chunks: Vec<_> = chunks.into_iter().map(Ok).collect();
    Chat::from_stream(ChunkStream::new(futures_util::stream::iter(chunks)))
}

pub(crate) fn chunks(chat: Chat) -> ChunkStream<Chunk> {
    match chat.body {
        Body::Stream(chunks) => chunks,
        Body::Whole(..) => panic!("whole"),
    }
}

pub(crate) fn told(chat: &Chat) -> &str {
    match &chat.body {
        Body::Whole(_, told) => &told.text,
        Body::Stream(_) => panic!("stream"),
    }
}

pub(crate) async fn texts(chat: Chat) -> Vec<String> {
    chunks(chat)
        .map(|chunk| chunk.unwrap().told.text)
        .filter(|text| ready(!text.is_empty()))
        .collect()
        .await
}

pub(crate) async fn read(chat: Chat) -> String {
    match chat.body {
        Body::Whole(_, told) => told.text,
        Body::Stream(_) => texts(chat).await.concat(),
    }
}

pub(crate) fn req(stream: bool) -> Call<Req> {
    Call::new(Req {
        model: "m".into(),
        prompt: "p".into(),
        stream,
        ..Req::default()
    })
}

pub(crate) fn asking(prompt: &str) -> Call<Req> {
    let mut call = req(false);
    call.request.prompt = prompt.into();
    call
}

/// Five pico-dollars for a token of output.
pub(crate) fn prices() -> PriceTable {
    let price = Price::per_million("0.000001", "0.000005").unwrap();
    PriceTable::new().with_model("m", price)
}

pub(crate) fn usd(pico: i128) -> Usd {
    Usd::from_pico(pico)
}

/// What the call is known to have cost, in pico-dollars.
pub(crate) fn cost(journal: &Journal) -> Option<i128> {
    journal.read().paid().exact().map(Usd::pico)
}

pub(crate) fn saved(journal: &Journal) -> Option<i128> {
    journal.read().saved_by_cache().map(Usd::pico)
}

pub(crate) fn status(journal: &Journal) -> Option<CacheStatus> {
    journal.read().cache.map(|note| note.status)
}

/// A store that shows what it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<VecDeque<(Key, Entry)>>>);

impl Shelf {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let shelf = self.0.lock().unwrap();
        shelf.iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// Changes all entries.
    pub(crate) fn edit(&self, edit: impl Fn(&mut Entry)) {
        let mut shelf = self.0.lock().unwrap();
        shelf.iter_mut().for_each(|(_, entry)| edit(entry));
    }
}

impl Store for Shelf {
    type Get = Ready<Result<Option<Entry>, StoreError>>;

    fn get(&self, key: &Key, _: Timestamp) -> Self::Get {
        let shelf = self.0.lock().unwrap();
        let found = shelf.iter().find(|(other, _)| other == key);
        ready(Ok(found.map(|(_, entry)| entry.clone())))
    }

    fn put(&self, key: &Key, entry: Entry, _: Timestamp) {
        self.remove(key);
        self.0.lock().unwrap().push_back((*key, entry));
    }

    fn remove(&self, key: &Key) {
        self.0.lock().unwrap().retain(|(other, _)| other != key);
    }
}

/// A clock that the test sets.
#[derive(Clone, Debug)]
pub(crate) struct Wall(Arc<Mutex<SystemTime>>);

impl Wall {
    pub(crate) fn new() -> Self {
        let some_day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Self(Arc::new(Mutex::new(some_day)))
    }

    pub(crate) fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    pub(crate) fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || *this.0.lock().unwrap())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }
}

pub(crate) type Handle = mock::Handle<Call<Req>, Chat>;
pub(crate) type Mocked = Attempts<mock::Mock<Call<Req>, Chat>, Enveloped>;

pub(crate) fn layer<S: Store>(store: S) -> CacheLayer<S> {
    CacheLayer::new(store)
        .jitter(0.0)
        .metrics(&Metrics::disabled())
}

/// A cache around a mock, whose attempts are recorded.
pub(crate) fn setup() -> (Cache<Mocked, Shelf>, Handle, Shelf) {
    let store = Shelf::default();
    let (cache, handle) = around(&layer(store.clone()));
    (cache, handle, store)
}

pub(crate) fn around<S: Store>(layer: &CacheLayer<S>) -> (Cache<Mocked, S>, Handle) {
    let (inner, mut handle) = mock::pair();
    handle.allow(99);
    let attempts = AttemptLayer::new(prices()).enveloped();
    (layer.layer(attempts.layer(inner)), handle)
}

pub(crate) async fn next(handle: &mut Handle) -> mock::SendResponse<Chat> {
    handle.next_request().await.expect("a request").1
}

/// Answers the next request with a stream.
pub(crate) async fn stream_next(handle: &mut Handle) -> Tx {
    let (tx, chat) = stream();
    next(handle).await.send_response(chat);
    tx
}
