//! A healthy answer in pieces, for faults to spoil.
use std::{ops::Range, time::Duration};

use bytes::Bytes;

use crate::{
    chat,
    content::Content,
    embeddings,
    reply::{Framing, Head, Reply},
    visit::Visit,
};

/// A healthy answer in pieces: events of a stream, or thirds of a plain body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) streamed: bool,
    /// Until the head.
    before: Duration,
    pieces: Vec<Piece>,
    /// Which of them are content.
    tokens: Range<usize>,
    id: String,
}

#[derive(Clone, Debug)]
struct Piece {
    /// Since the piece before.
    after: Duration,
    bytes: Bytes,
}

impl Answer {
    /// To what was asked.
    pub(crate) fn to(visit: &Visit<'_>) -> Self {
        match visit.path().ends_with("/embeddings") {
            true => embeddings::answer(visit),
            false => chat::answer(visit, &Content::to(visit)),
        }
    }

    /// A plain one, which takes as long as a stream of it would.
    pub(crate) fn whole(visit: &Visit<'_>, body: &[u8]) -> Self {
        let pace = visit.pace;
        let thirds = body.chunks(body.len().div_ceil(3));
        let pieces: Vec<Piece> = thirds
            .map(|third| Piece {
                after: Duration::ZERO,
                bytes: Bytes::copy_from_slice(third),
            })
            .collect();
        Self {
            streamed: false,
            before: pace.first_token + pace.gap * (pace.chunks - 1),
            tokens: 0..pieces.len(),
            pieces,
            id: request_id(visit),
        }
    }

    /// A streamed one without events so far.
    pub(crate) fn stream(visit: &Visit<'_>) -> Self {
        Self {
            streamed: true,
            before: Duration::ZERO,
            pieces: Vec::new(),
            tokens: 0..0,
            id: request_id(visit),
        }
    }

    pub(crate) fn push(&mut self, after: Duration, event: Bytes) {
        self.pieces.push(Piece {
            after,
            bytes: event,
        });
    }

    /// An event with content.
    pub(crate) fn push_token(&mut self, after: Duration, event: Bytes) {
        if self.tokens.is_empty() {
            self.tokens = self.pieces.len()..self.pieces.len();
        }
        self.push(after, event);
        self.tokens.end = self.pieces.len();
    }

    /// How many pieces have passed when two thirds of the content have.
    pub(crate) fn two_thirds(&self) -> usize {
        self.tokens.start + self.tokens.len() * 2 / 3
    }

    /// A piece more, before the one that was the `at`th.
    pub(crate) fn insert(&mut self, at: usize, bytes: impl Into<Bytes>) {
        let (after, bytes) = (Duration::ZERO, bytes.into());
        self.pieces.insert(at, Piece { after, bytes });
    }

    /// Its first pieces alone, as if they were all.
    pub(crate) fn cut(mut self, pieces: usize) -> Self {
        self.pieces.truncate(pieces);
        self
    }

    /// Without its last piece.
    pub(crate) fn pop(&mut self) {
        self.pieces.pop();
    }

    /// The pieces from here on as one.
    pub(crate) fn rest(&self, from: usize) -> Bytes {
        let rest = self.pieces[from..].iter();
        rest.flat_map(|piece| piece.bytes.iter().copied()).collect()
    }

    /// Bytes of all pieces.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len()).sum()
    }

    /// The events one by one.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().map(|piece| &piece.bytes)
    }

    /// The head, its body delimited as is usual.
    pub(crate) fn begin(&self) -> Reply {
        let framing = match self.streamed {
            true => Framing::Chunked,
            false => Framing::Length(self.len()),
        };
        self.begin_with(framing)
    }

    /// The head.
    pub(crate) fn begin_with(&self, framing: Framing) -> Reply {
        let kind = match self.streamed {
            true => "text/event-stream; charset=utf-8",
            false => "application/json",
        };
        let head = Head::new(200, framing)
            .header("content-type", kind)
            .header("x-request-id", &self.id);
        Reply::new().wait(self.before).head(head)
    }

    /// All of it.
    pub(crate) fn reply(&self) -> Reply {
        self.go_on(self.begin(), 0)
    }

    /// The head and the first pieces.
    pub(crate) fn first(&self, pieces: usize) -> Reply {
        self.go_on_with(self.begin(), 0..pieces)
    }

    /// The pieces from here on, after what is there.
    pub(crate) fn go_on(&self, reply: Reply, from: usize) -> Reply {
        self.go_on_with(reply, from..self.pieces.len())
    }

    /// These pieces, after what is there.
    pub(crate) fn go_on_with(&self, reply: Reply, range: Range<usize>) -> Reply {
        let pieces = self.pieces[range].iter();
        pieces.fold(reply, |reply, piece| {
            reply.wait(piece.after).send(piece.bytes.clone())
        })
    }
}

fn request_id(visit: &Visit<'_>) -> String {
    format!("req_fault{}", visit.number)
}
