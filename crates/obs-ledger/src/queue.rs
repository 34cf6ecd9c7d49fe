//! What waits to be written: bounded in number and in bytes.
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Record;

/// About what a record takes beside its texts, in bytes.
const RECORD: usize = 1024;

/// Records on their way to the thread that writes them.
#[derive(Debug)]
pub(crate) struct Queue {
    most: usize,
    most_bytes: usize,
    waiting: Mutex<Waiting>,
    /// There is something to do for the thread.
    work: Condvar,
    /// All that was handed over so far is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<Record>,
    bytes: usize,
    /// How often somebody asked for all to be written, and how often that was done.
    asked: u64,
    done: u64,
    closed: bool,
    ended: bool,
}

/// What the thread finds.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) records: VecDeque<Record>,
    /// Somebody waits for all of it to be written; to be told back.
    pub(crate) asked: Option<u64>,
    /// There will be no more.
    pub(crate) last: bool,
}

impl Queue {
    pub(crate) const fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            waiting: Mutex::new(Waiting {
                records: VecDeque::new(),
                bytes: 0,
                asked: 0,
                done: 0,
                closed: false,
                ended: false,
            }),
            work: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// `false`: there is no room, or nobody writes any more.
    pub(crate) fn push(&self, record: Record) -> bool {
        let size = size(&record);
        let mut waiting = self.lock();
        let full = waiting.records.len() >= self.most || waiting.bytes + size > self.most_bytes;
        // One that is larger than all of the room may still go alone.
        if waiting.closed || (full && !waiting.records.is_empty()) {
            return false;
        }
        let before = self.is_half_full(&waiting);
        waiting.bytes += size;
        waiting.records.push_back(record);
        let news = waiting.records.len() == 1 || before != self.is_half_full(&waiting);
        drop(waiting);
        if news {
            self.work.notify_one();
        }
        true
    }

    /// Waits for a record, or for somebody who asks for all to be written, or for the end.
    pub(crate) fn take(&self) -> Taken {
        let idle = |w: &mut Waiting| w.records.is_empty() && !w.is_pressing();
        let waiting = self.work.wait_while(self.lock(), idle);
        waiting.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gathers for so long, unless somebody asks, the room is half full, or it is the end.
    pub(crate) fn gather(&self, limit: Duration) -> Taken {
        let idle = |w: &mut Waiting| !self.is_half_full(w) && !w.is_pressing();
        let waiting = self.work.wait_timeout_while(self.lock(), limit, idle);
        waiting.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    fn is_half_full(&self, waiting: &Waiting) -> bool {
        waiting.records.len() > self.most / 2 || waiting.bytes > self.most_bytes / 2
    }

    /// The thread has written all that was there when this was asked.
    pub(crate) fn done(&self, asked: u64) {
        self.lock().done = asked;
        self.written.notify_all();
    }

    /// The thread ends.
    pub(crate) fn end(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.ended = true;
        drop(waiting);
        self.written.notify_all();
    }

    /// No more records.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    /// Blocks until all that was pushed before is written, or for so long. `true`: it is.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let mut waiting = self.lock();
        waiting.asked += 1;
        let this = waiting.asked;
        self.work.notify_one();
        let (waiting, _) = self
            .written
            .wait_timeout_while(waiting, limit, |w| w.done < this && !w.ended)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.done >= this || waiting.ended && waiting.records.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    const fn is_pressing(&self) -> bool {
        self.asked != self.done || self.closed
    }

    fn take(&mut self) -> Taken {
        self.bytes = 0;
        Taken {
            records: std::mem::take(&mut self.records),
            asked: (self.asked != self.done).then_some(self.asked),
            last: self.closed,
        }
    }
}

/// About how many bytes it holds.
fn size(record: &Record) -> usize {
    let Record::Call(entry) = record else {
        return RECORD;
    };
    let answer = entry.answer.as_ref().map_or(0, |answer| answer.len());
    let pieces = entry.prompt.as_ref().and_then(|p| p.pieces.as_ref());
    let prompt: usize = pieces.map_or(0, |pieces| pieces.iter().map(|p| p.text.len()).sum());
    RECORD + answer + prompt
}
