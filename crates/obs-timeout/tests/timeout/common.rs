//! A model whose answers a test sends by hand, whole or in chunks.
use std::time::Duration;

use futures_util::stream::poll_fn;
use obs_core::{
    Call, ChunkStream, Elapsed, Error, Fingerprint, Finish, Limit, LlmChunk, LlmRequest,
    LlmResponse, Operation, Role, Usage,
};
use tokio::sync::mpsc::{self, UnboundedSender};

pub(crate) const S: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// What an answer uses, if it tells.
pub(crate) const BILL: Usage = Usage {
    input: 100,
    cached_input: 0,
    cache_write: 0,
    output: 10,
    reasoning: 0,
    cache_write_1h: 0,
    searches: 0,
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub model: &'static str,
    pub streams: bool,
    pub operation: Operation,
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        self.model
    }
    fn set_model(&mut self, _: &str) {}
    fn operation(&self) -> Operation {
        self.operation
    }
    fn streams(&self) -> bool {
        self.streams
    }
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

#[derive(Debug)]
pub(crate) enum Reply {
    Whole(&'static str),
    /// Whole, with its usage.
    Billed,
    Stream(ChunkStream<Tok>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tok {
    /// Who speaks; no content.
    Head,
    Word(&'static str),
    Stop,
    Bill,
}

impl LlmResponse for Reply {
    type Chunk = Tok;
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Tok>> {
        match self {
            Self::Whole(_) | Self::Billed => None,
            Self::Stream(chunks) => Some(chunks),
        }
    }
    fn usage(&self) -> Option<Usage> {
        matches!(self, Self::Billed).then_some(BILL)
    }
}

impl LlmChunk for Tok {
    fn usage(&self) -> Option<Usage> {
        (*self == Self::Bill).then_some(BILL)
    }
    fn is_content(&self) -> bool {
        matches!(self, Self::Word(_))
    }
    fn finish(&self) -> Option<Finish> {
        (*self == Self::Stop).then_some(Finish::Stop)
    }
}

impl Reply {
    pub(crate) fn chunks(self) -> ChunkStream<Tok> {
        match self {
            Self::Whole(_) | Self::Billed => panic!("it is whole: {self:?}"),
            Self::Stream(chunks) => chunks,
        }
    }
}

pub(crate) fn call(streams: bool) -> Call<Ask> {
    ask("m", streams)
}

pub(crate) fn ask(model: &'static str, streams: bool) -> Call<Ask> {
    Call::new(Ask {
        model,
        streams,
        operation: Operation::Chat,
    })
}

/// The stream ends when the sender is dropped; the sender is closed when the stream is.
pub(crate) fn stream() -> (UnboundedSender<Result<Tok, Error>>, Reply) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let chunks = poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, Reply::Stream(ChunkStream::new(chunks)))
}

/// A stream of these chunks, each after so many milliseconds; then it stands still.
pub(crate) fn timed(
    chunks: impl IntoIterator<Item = (u64, Tok), IntoIter: Send + 'static>,
) -> Reply {
    let mut chunks = chunks.into_iter();
    Reply::Stream(ChunkStream::new(futures_util::stream::unfold(
        (),
        move |()| {
            let next = chunks.next();
            async move {
                let Some((ms, chunk)) = next else {
                    return std::future::pending().await;
                };
                if ms > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                Some((Ok(chunk), ()))
            }
        },
    )))
}

/// Which limit it was, how long it was, and its grace.
pub(crate) fn elapsed(error: &Error) -> (Limit, Duration, Duration) {
    let elapsed = error.find::<Elapsed>().expect("a limit was reached");
    (elapsed.limit(), elapsed.after(), elapsed.grace())
}
