//! The second reading of a log: its calls in the order in which they began.
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::Arc,
    time::Duration,
};

use obs_core::{ErrorKind, Operation, Usage};
use obs_ledger::{Attempt, Entry, ReadError, Reader, Record};

use super::{
    LogError, Survey,
    memory::Latest,
    survey::{hash, usage},
};
use crate::{Arrival, Outcome, Question};

/// A log tells of calls as they end. So much later than a call began it is told, in milliseconds, or else it is taken for later.
const WINDOW: u64 = 600_000;
/// Most calls that are waited with.
const MOST: usize = 200_000;
/// Questions whose usage is remembered, for those who ask them again.
const QUESTIONS: usize = 1_000_000;
/// Bytes of an answer around its text, and of a token.
const AROUND: u64 = 400;
const TOKEN: u64 = 4;
/// Where keys are that were made up: no recorded one is.
const NEW: u128 = 1 << 127;

/// The calls of a log, in the order in which they began.
pub(super) struct Arrivals<'a> {
    survey: &'a Survey,
    reader: Reader,
    waiting: BinaryHeap<Reverse<Waiting>>,
    seen: Latest<u128, Usage>,
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
            seen: Latest::new(QUESTIONS),
            latest: 0,
            given: 0,
            number: 0,
            progress,
        })
    }

    /// The next one that nothing earlier will follow; `None`: more has to be read.
    fn ready(&mut self, at_end: bool) -> Option<Waiting> {
        let Reverse(first) = self.waiting.peek()?;
        let due = first.time + WINDOW <= self.latest || self.waiting.len() > MOST;
        if !(due || at_end) {
            return None;
        }
        self.waiting.pop().map(|Reverse(first)| first)
    }

    fn arrival(&mut self, of: &Waiting) -> Arrival {
        self.given = self.given.max(of.time);
        let since = self.given - self.survey.facts.first;
        Arrival {
            at: Duration::from_millis(since),
            question: Arc::new(self.question(&of.entry, of.number)),
        }
    }

    fn question(&mut self, entry: &Entry, number: u64) -> Question {
        let log = &self.survey.log;
        let recorded = entry.key.as_ref().map(|key| key_of(key));
        let key = recorded.unwrap_or(NEW | u128::from(number));
        let used = usage(entry);
        if let Some(usage) = used {
            self.seen.put(key, usage);
        }
        let used = used.or_else(|| self.seen.get(&key).copied());
        let said = self.survey.verdicts.get(&hash(&entry.call));
        let mut attempts: Vec<Option<&Attempt>> = vec![None; log.routes.len()];
        for attempt in &entry.attempts {
            if let Some(at) = log.route_of(attempt) {
                // An answer tells more than a failure before it.
                let known = attempts[at].is_some_and(|of| of.usage.is_some());
                if !known {
                    attempts[at] = Some(attempt);
                }
            }
        }
        let asked = entry.chosen().or(entry.attempts.last());
        let outcomes = attempts.iter().enumerate().map(|(at, attempt)| {
            let mut outcome = match attempt {
                Some(attempt) => as_recorded(attempt, entry),
                None => self.modelled(at, used, asked, entry),
            };
            let is_chosen = match (entry.chosen(), &entry.route) {
                (Some(chosen), _) => log.route_of(chosen) == Some(at),
                (None, Some(route)) => log.routes[at].0 == *route,
                (None, None) => false,
            };
            let of_route = said.and_then(|said| said.routes.get(&(at as u8)).copied());
            let of_answer = said.and_then(|said| said.chosen).filter(|_| is_chosen);
            outcome.quality = of_route.or(of_answer);
            outcome
        });
        let outcomes = outcomes.collect();
        let unrouted = asked.map(|attempt| as_recorded(attempt, entry));
        let pieces = entry.prompt.as_ref().and_then(|of| of.pieces.as_ref());
        let pieces = pieces.into_iter().flatten();
        Question {
            key,
            tenant: entry.tenant.clone(),
            namespace: None,
            operation: operation(&entry.operation),
            model: log.auto.clone().unwrap_or_else(|| entry.model.clone()),
            prompt: pieces
                .map(|of| (of.role.core(), Arc::from(&*of.text)))
                .collect(),
            group: entry.group.clone(),
            score: entry.decision().and_then(|of| of.score),
            place: 0,
            cacheable: !entry.uncacheable,
            outcomes,
            unrouted,
        }
    }

    /// A route that was not asked: the usage of the one that was, and a time by its own line.
    fn modelled(
        &self,
        at: usize,
        usage: Option<Usage>,
        asked: Option<&Attempt>,
        entry: &Entry,
    ) -> Outcome {
        let recorded = asked
            .and_then(|of| of.latency_us)
            .unwrap_or(entry.latency_us);
        let took = match (&self.survey.lines[at], &usage) {
            (Some(line), Some(usage)) => line.took(usage),
            _ => millis(recorded),
        };
        Outcome {
            usage,
            took,
            bytes: bytes(usage),
            ..Outcome::default()
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
                    if entry.work || entry.outcome == obs_ledger::Outcome::Cancelled {
                        continue;
                    }
                    self.number += 1;
                    if self.number.is_multiple_of(1024) {
                        let total = self.reader.total_bytes().unwrap_or(0);
                        (self.progress)(self.reader.bytes(), total);
                    }
                    self.latest = self.latest.max(entry.time + entry.latency_us / 1000);
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

/// As it was, whether it answered or failed.
fn as_recorded(attempt: &Attempt, entry: &Entry) -> Outcome {
    use obs_ledger::Outcome as Was;
    let error = match attempt.outcome {
        Some(Was::Answered) => None,
        Some(Was::TimedOut) => Some(ErrorKind::Timeout),
        Some(Was::Failed) => Some(kind(attempt.error.as_deref())),
        // Dropped for another one, or for its caller's sake: nobody knows what it would have said.
        Some(Was::Cancelled) | None => Some(ErrorKind::Unknown),
    };
    let took = attempt.latency_us.unwrap_or(entry.latency_us);
    Outcome {
        model: attempt.answered.clone(),
        usage: attempt.usage,
        took: millis(took),
        quality: None,
        error,
        bytes: bytes(attempt.usage),
    }
}

/// The nearest millisecond: a replay has no finer ones.
const fn millis(micros: u64) -> Duration {
    Duration::from_millis(micros.saturating_add(500) / 1000)
}

fn bytes(usage: Option<Usage>) -> usize {
    let tokens = usage.map_or(0, |of| of.output);
    usize::try_from(AROUND + TOKEN * tokens).unwrap_or(usize::MAX)
}

/// As recorded, 32 hexadecimal digits; whatever else it is, told apart by its hash.
fn key_of(key: &str) -> u128 {
    let key = u128::from_str_radix(key, 16).unwrap_or_else(|_| u128::from(hash(key)));
    key & !NEW
}

fn operation(name: &str) -> Operation {
    let of = Operation::ALL.into_iter().find(|of| of.as_str() == name);
    of.unwrap_or(Operation::Other)
}

/// By its name in the log.
fn kind(name: Option<&str>) -> ErrorKind {
    let of = ErrorKind::ALL
        .iter()
        .copied()
        .find(|of| Some(of.as_str()) == name);
    of.unwrap_or(ErrorKind::Unknown)
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
