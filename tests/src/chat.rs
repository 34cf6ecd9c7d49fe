//! A chat whose answers come whole or as a stream, with usage after the finish reason.
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use obs_core::{
    BoxError, Call, Capture, ChunkStream, Error, Fingerprint, Finish, LlmChunk, LlmRequest,
    LlmResponse, Price, PriceTable, Replay, Role, Usage,
};
use tokio::sync::mpsc;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Of which model.
    pub model: String,
    /// The question.
    pub prompt: String,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
}

/// A chunk that says all that was said up to the finish, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Chunk {
    /// Generated text.
    pub text: String,
    /// Whether this is the end of the text.
    pub stop: bool,
    /// Output tokens, if they are told here.
    pub output: Option<u64>,
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// All of it.
    Whole(Chunk),
    /// Bit by bit.
    Stream(ChunkStream<Chunk>),
}

/// Sends the chunks of a stream.
pub type Sender = mpsc::UnboundedSender<Result<Chunk, Error>>;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }

    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }

    fn streams(&self) -> bool {
        self.stream
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.prompt);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.model.as_bytes())
            .field("prompt", self.prompt.as_bytes());
    }
}

impl LlmChunk for Chunk {
    fn usage(&self) -> Option<Usage> {
        self.output.map(|output| Usage {
            output,
            ..Usage::default()
        })
    }

    fn is_content(&self) -> bool {
        !self.text.is_empty()
    }

    fn finish(&self) -> Option<Finish> {
        self.stop.then_some(Finish::Stop)
    }

    fn text(&self) -> &str {
        &self.text
    }
}

impl Capture for Chunk {
    type Recorder = Self;

    fn record(&self, into: &mut Self) {
        assert_ne!(self.text, "panic", "asked for by a test");
        into.text.push_str(&self.text);
        into.stop |= self.stop;
        into.output = into.output.max(self.output);
    }

    fn recorded(recorder: Self) -> Option<Bytes> {
        recorder.stop.then(|| encode(&recorder))
    }
}

impl LlmResponse for Answer {
    type Chunk = Chunk;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Chunk>> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(chunks) => Some(chunks),
        }
    }

    fn stream(&self) -> Option<&ChunkStream<Chunk>> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(chunks) => Some(chunks),
        }
    }

    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Whole(all) => all.usage(),
            Self::Stream(_) => None,
        }
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if let Self::Whole(all) = self {
            visit(&all.text);
        }
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        match self {
            Self::Whole(all) => Some(encode(all)),
            Self::Stream(_) => None,
        }
    }

    fn decode(stored: &Bytes, streamed: bool) -> Result<Self, BoxError> {
        let all: Chunk = serde_json::from_slice(stored)?;
        if !streamed {
            return Ok(Self::Whole(all));
        }
        let output = all.output;
        let chunks = [
            text(&all.text),
            stop(),
            Chunk {
                output,
                ..Chunk::default()
            },
        ];
        Ok(Self::from_stream(ChunkStream::new(stream::iter(
            chunks.map(Ok),
        ))))
    }

    fn from_stream(chunks: ChunkStream<Chunk>) -> Self {
        Self::Stream(chunks)
    }
}

impl Answer {
    /// Its chunks.
    ///
    /// # Panics
    /// When it is whole.
    #[must_use]
    pub fn chunks(self) -> ChunkStream<Chunk> {
        match self {
            Self::Stream(chunks) => chunks,
            Self::Whole(all) => panic!("not a stream: {all:?}"),
        }
    }

    /// Its text, read to the end.
    ///
    /// # Errors
    /// That of its stream.
    pub async fn read(self) -> Result<String, Error> {
        match self {
            Self::Whole(all) => Ok(all.text),
            Self::Stream(mut chunks) => {
                let mut text = String::new();
                while let Some(chunk) = chunks.next().await {
                    text += &chunk?.text;
                }
                Ok(text)
            }
        }
    }
}

/// A chunk of text.
#[must_use]
pub fn text(text: &str) -> Chunk {
    Chunk {
        text: text.into(),
        ..Chunk::default()
    }
}

/// The finish reason.
#[must_use]
pub fn stop() -> Chunk {
    Chunk {
        stop: true,
        ..Chunk::default()
    }
}

/// The chunk with usage.
#[must_use]
pub fn used(output: u64) -> Chunk {
    Chunk {
        output: Some(output),
        ..Chunk::default()
    }
}

/// `hi`, for ten tokens, in this form.
#[must_use]
pub fn hi(streamed: bool) -> Answer {
    if streamed {
        let chunks = [text("h"), text("i"), stop(), used(10)];
        return Answer::from_stream(ChunkStream::new(stream::iter(chunks.map(Ok))));
    }
    Answer::Whole(Chunk {
        text: "hi".into(),
        stop: true,
        output: Some(10),
    })
}

/// A streamed answer whose chunks a test sends.
#[must_use]
pub fn channel() -> (Sender, Answer) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let chunks = stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, Answer::from_stream(ChunkStream::new(chunks)))
}

/// The same question each time.
#[must_use]
pub fn ask(stream: bool) -> Call<Ask> {
    Call::new(Ask {
        model: "auto".into(),
        prompt: "p".into(),
        stream,
    })
}

/// A pico-dollar for an output token of `small`, ten for one of `big`.
///
/// # Panics
/// Never: the prices are well-formed.
#[must_use]
pub fn prices() -> PriceTable {
    let price = |output| Price::per_million("0", output).expect("is a price");
    PriceTable::new()
        .with_model("small", price("0.000001"))
        .with_model("big", price("0.00001"))
}

fn encode(all: &Chunk) -> Bytes {
    serde_json::to_vec(all).expect("can be written").into()
}
