//! The second reading of a log: its calls in the order in which they began.
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::Arc,
    time::Duration,
};

use obs_ledger::{Entry, Outcome, ReadError, Reader, Record};

use super::{LogError, Survey, questions::Questions};
use crate::Arrival;

/// A log tells of calls as they end. So much later than a call began it is told, in milliseconds, or else it is taken for later.
const WINDOW: u64 = 600_000;
/// Most calls that are waited with.
const MOST: usize = 200_000;
/// Latest begin after the first one, in milliseconds: a hundred years. Later ones are of a broken clock, and begin then.
const LONGEST: u64 = 100 * 365 * 86_400_000;

/// The calls of a log, in the order in which they began.
pub(super) struct Arrivals<'a> {
    survey: &'a Survey,
    reader: Reader,
    waiting: BinaryHeap<Reverse<Waiting>>,
    questions: Questions<'a>,
    /// When the last call that was read ended.
    latest: u64,
    /// When the last one that was given out began.
    given: u64,
    number: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

struct Waiting {
    time: u64,
    number: u64,
    entry: Box<Entry>,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(
        survey: &'a Survey,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, LogError> {
        Ok(Self {
            survey,
            reader: Reader::open(&survey.log.path)?,
            waiting: BinaryHeap::new(),
            questions: Questions::new(survey),
            latest: 0,
            given: 0,
            number: 0,
            progress,
        })
    }

    /// The next one that nothing earlier will follow; `None`: more has to be read.
    fn ready(&mut self, at_end: bool) -> Option<Waiting> {
        let Reverse(first) = self.waiting.peek()?;
        let due = first.time.saturating_add(WINDOW) <= self.latest || self.waiting.len() > MOST;
        if !(due || at_end) {
            return None;
        }
        self.waiting.pop().map(|Reverse(first)| first)
    }

    fn arrival(&mut self, of: &Waiting) -> Arrival {
        self.given = self.given.max(of.time);
        // What is written while it is read may have begun before all that was there.
        let since = self
            .given
            .saturating_sub(self.survey.facts.first)
            .min(LONGEST);
        Arrival {
            at: Duration::from_millis(since),
            question: Arc::new(self.questions.of(&of.entry, of.number)),
        }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Result<Arrival, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(of) = self.ready(false) {
                return Some(Ok(self.arrival(&of)));
            }
            match self.reader.next() {
                Some(Ok(Record::Call(entry))) => {
                    // Calls that were written after the first reading are of another log.
                    let is_new = self.number >= self.survey.facts.calls;
                    if is_new || entry.work || entry.outcome == Outcome::Cancelled {
                        continue;
                    }
                    self.number += 1;
                    if self.number.is_multiple_of(1024) {
                        let total = self.reader.total_bytes().unwrap_or(0);
                        (self.progress)(self.reader.bytes(), total);
                    }
                    self.latest = self
                        .latest
                        .max(entry.time.saturating_add(entry.latency_us / 1000));
                    self.waiting.push(Reverse(Waiting {
                        time: entry.time,
                        number: self.number,
                        entry,
                    }));
                }
                Some(Err(error @ ReadError::File { .. })) => return Some(Err(error.into())),
                // Counted when it was read first.
                Some(Ok(Record::Feedback(_)) | Err(_)) => {}
                None => {
                    let of = self.ready(true)?;
                    return Some(Ok(self.arrival(&of)));
                }
            }
        }
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
