//! What the members of a flight share, under its lock.
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use obs_core::{CacheNote, Capture, ChunkStream, Error, Finish, LlmChunk, Replay, Report, Usage};

use super::{
    passenger::Passenger,
    plan::{Calling, Keep},
};

pub(super) struct State<T: Replay> {
    pub(super) phase: Phase<T>,
    /// By order of arrival: the first one pays.
    pub(super) members: BTreeMap<u64, Member>,
    /// How many have joined; the leader's number is zero.
    pub(super) joined: u64,
    /// Whether newcomers may join: every chunk from the first on is in `buffer`.
    pub(super) open: bool,
    pub(super) buffer: VecDeque<T::Chunk>,
    /// Number of chunks that have left `buffer`.
    pub(super) base: usize,
    /// Bytes in `buffer`.
    held: usize,
    recorder: Option<<T::Chunk as Capture>::Recorder>,
    /// Whether it is too long to begin at the beginning, and to be kept.
    pub(super) is_too_long: bool,
    pub(super) usage: Option<Usage>,
    /// Why the answer ends where it ends, once that has come; and the number of chunks up to there.
    pub(super) finish: Option<(Finish, usize)>,
    /// The answer as it came, for the leader. A streamed one is without its chunks.
    pub(super) original: Option<T>,
    pub(super) keep: Option<Keep>,
}

pub(super) enum Phase<T: Replay> {
    Calling(Calling<T>),
    Streaming(ChunkStream<T::Chunk>),
    /// A member has the call or the stream on its stack, and not under the lock.
    Polled {
        streaming: bool,
    },
    /// `Ok(None)`: complete, but not to be shared.
    Landed {
        streamed: bool,
        end: Result<Option<Bytes>, Error>,
    },
}

pub(super) struct Member {
    pub(super) passenger: Passenger,
    /// Number of chunks read.
    pub(super) cursor: usize,
    /// Number of the flight's decisions that its journal has.
    told: usize,
}

impl<T: Replay> State<T> {
    pub(super) fn new(call: Calling<T>, keep: Keep) -> Self {
        Self {
            phase: Phase::Calling(call),
            members: BTreeMap::new(),
            joined: 0,
            open: true,
            buffer: VecDeque::new(),
            base: 0,
            held: 0,
            recorder: Some(Default::default()),
            is_too_long: false,
            usage: None,
            finish: None,
            original: None,
            keep: Some(keep),
        }
    }

    pub(super) fn has_landed(&self) -> bool {
        matches!(self.phase, Phase::Landed { .. })
    }

    pub(super) fn push(&mut self, chunk: T::Chunk, capacity: usize) {
        if let Some(usage) = chunk.usage() {
            self.usage = Some(self.usage.unwrap_or_default().max(usage));
        }
        if let Some(finish) = chunk.finish() {
            self.finish = Some((finish, self.base + self.buffer.len() + 1));
        }
        if let Some(recorder) = &mut self.recorder {
            chunk.record(recorder);
        }
        self.held += chunk.size();
        self.buffer.push_back(chunk);
        if self.held > capacity {
            self.is_too_long = true;
            self.open = false;
            self.recorder = None;
        }
        self.trim(capacity);
    }

    /// Once nobody can join: forgets what all have read, and what a laggard makes too much. The newest chunk
    /// stays, however large.
    pub(super) fn trim(&mut self, capacity: usize) {
        if self.open {
            return;
        }
        let cursors = self.members.values().map(|member| member.cursor);
        let read = cursors.min().unwrap_or(usize::MAX);
        while self.base < read || (self.held > capacity && self.buffer.len() > 1) {
            let Some(chunk) = self.buffer.pop_front() else {
                break;
            };
            self.held -= chunk.size();
            self.base += 1;
        }
    }

    /// `None` also when it was too long to be kept.
    pub(super) fn recorded(&mut self) -> Option<Bytes> {
        self.recorder.take().and_then(T::Chunk::recorded)
    }
}

impl Member {
    pub(super) fn new(passenger: Passenger) -> Self {
        Self {
            passenger,
            cursor: 0,
            told: 0,
        }
    }

    /// Tells its journal where the answer comes from.
    pub(super) fn note(&self, note: CacheNote) {
        let journal = &self.passenger.context.journal;
        journal.with(|report| report.cache = Some(note));
    }

    /// Tells its journal what the flight has decided.
    pub(super) fn inform(&mut self, report: &Report) {
        self.passenger.context.inform(report, &mut self.told);
    }
}
