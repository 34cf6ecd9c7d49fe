//! The chunks of a streamed answer.
use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use futures_core::Stream;

use crate::{Error, LlmChunk};

/// Most that is taken for a reader who leaves: the usage chunk comes soon after the finish reason, or not at all.
const DRAINED: usize = 32;

/// Most bytes that are held back ahead of a commit point, if nothing else is said.
const READ_AHEAD: usize = 1 << 20;

/// The chunks of a streamed answer: a boxed stream that can be read ahead, and what was read ahead comes out again.
///
/// It is fused: nothing comes after an error or after the end, and what is inside is dropped before either is told.
/// Dropping it drops what is inside, which ends the upstream request.
pub struct ChunkStream<C> {
    ahead: VecDeque<C>,
    /// Bytes in `ahead`.
    held: usize,
    most: usize,
    inner: Option<Inner<C>>,
}

type Inner<C> = Pin<Box<dyn Stream<Item = Result<C, Error>> + Send>>;

/// A stream that has ended.
impl<C> Default for ChunkStream<C> {
    fn default() -> Self {
        Self {
            ahead: VecDeque::new(),
            held: 0,
            most: READ_AHEAD,
            inner: None,
        }
    }
}

impl<C> fmt::Debug for ChunkStream<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStream")
            .field("ahead", &self.ahead.len())
            .field("ended", &self.inner.is_none())
            .finish_non_exhaustive()
    }
}

impl<C> ChunkStream<C> {
    /// Boxes these chunks.
    #[must_use]
    pub fn new(chunks: impl Stream<Item = Result<C, Error>> + Send + 'static) -> Self {
        Self {
            inner: Some(Box::pin(chunks)),
            ..Self::default()
        }
    }

    /// How many bytes at most are held by reading ahead (1 MiB unless told).
    #[must_use]
    pub fn hold_at_most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// What was read ahead and has not gone out.
    pub fn read_ahead(&self) -> impl Iterator<Item = &C> {
        self.ahead.iter()
    }

    /// Whether all of it was read, be it ahead: nothing more is to come from inside.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.inner.is_none()
    }

    /// Takes what is ready, for a reader who leaves: nobody is woken, nothing is waited for, nothing panics.
    pub fn drain_ready(&mut self, mut each: impl FnMut(&C)) {
        if std::thread::panicking() {
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        // A destructor calls this: a panic of the stream inside must not become an abort.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..DRAINED {
                match Pin::new(&mut *self).poll_next(&mut cx) {
                    Poll::Ready(Some(Ok(chunk))) => each(&chunk),
                    _ => break,
                }
            }
        }));
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<C, Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let item = ready!(inner.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(item)
    }
}

impl<C: LlmChunk> ChunkStream<C> {
    /// Reads ahead up to the first chunk that is `enough`, to the end, or until as much is held as may be.
    ///
    /// `enough` sees every chunk that is held, from the first one on, each time this is polled: what another has
    /// read ahead counts, because commit points nest.
    ///
    /// # Errors
    /// That of the stream, which has then ended; what was read ahead of it is of no use.
    pub fn poll_ahead(
        &mut self,
        cx: &mut Context<'_>,
        mut enough: impl FnMut(&C) -> bool,
    ) -> Poll<Result<(), Error>> {
        if self.ahead.iter().any(&mut enough) {
            return Poll::Ready(Ok(()));
        }
        while self.held < self.most {
            match ready!(self.poll_inner(cx)) {
                Some(Ok(chunk)) => {
                    let done = enough(&chunk);
                    self.held = self.held.saturating_add(chunk.size());
                    self.ahead.push_back(chunk);
                    if done {
                        break;
                    }
                }
                Some(Err(error)) => {
                    self.ahead.clear();
                    return Poll::Ready(Err(error));
                }
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<C> Unpin for ChunkStream<C> {}

impl<C> Stream for ChunkStream<C> {
    type Item = Result<C, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.ahead.pop_front() {
            Some(chunk) => {
                if self.ahead.is_empty() {
                    self.held = 0;
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            None => self.poll_inner(cx),
        }
    }
}
