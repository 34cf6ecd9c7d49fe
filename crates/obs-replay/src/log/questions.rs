//! What an entry of a log asks, and what each route would make of it.
use std::{sync::Arc, time::Duration};

use obs_core::{ErrorKind, Operation, Purpose, Usage};
use obs_ledger::{Attempt, Entry, Outcome as Was};

use super::{
    Survey,
    memory::Latest,
    survey::{hash, usage},
};
use crate::{Outcome, Question};

/// Questions whose usage is remembered, for those who ask them again.
const QUESTIONS: usize = 1_000_000;
/// Bytes of an answer around its text, and of a token.
const AROUND: u64 = 400;
const TOKEN: u64 = 4;
/// Where keys are that were made up: no recorded one is.
const NEW: u128 = 1 << 127;
/// Decide which of the recorded times a route takes that was not asked, and which a second attempt does.
const UNASKED: u64 = 1;
const SECOND: u64 = 2;

/// Makes questions of entries.
pub(super) struct Questions<'a> {
    survey: &'a Survey,
    seen: Latest<u128, Usage>,
}

/// What a call asked of one route.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    /// What is known best.
    main: Option<&'a Attempt>,
    /// One that lost against a second one, or that second one.
    lost: Option<&'a Attempt>,
    /// A second answer, for a judge.
    again: Option<&'a Attempt>,
    /// What a judge said.
    accepted: Option<bool>,
}

impl<'a> Questions<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        Self {
            survey,
            seen: Latest::new(QUESTIONS),
        }
    }

    /// The number tells entries apart that have no key.
    pub(super) fn of(&mut self, entry: &Entry, number: u64) -> Question {
        let log = &self.survey.log;
        let recorded = entry.key.as_ref().map(|key| key_of(key));
        let key = recorded.unwrap_or(NEW | u128::from(number));
        let used = usage(entry);
        if let Some(usage) = used {
            self.seen.put(key, usage);
        }
        let used = used.or_else(|| self.seen.get(&key).copied());
        let asked = entry.chosen().or(entry.attempts.last());
        let outcomes = self.asked(entry).into_iter().enumerate().map(|(at, of)| {
            let mut outcome = match of.main {
                Some(attempt) => self.recorded(at, attempt, of, entry, key),
                None => self.modelled(at, used, asked, entry, key),
            };
            let is_chosen = match (entry.chosen(), &entry.route) {
                (Some(chosen), _) => log.route_of(chosen) == Some(at),
                (None, Some(route)) => log.routes[at].0 == *route,
                (None, None) => false,
            };
            outcome.quality = self.survey.quality(entry, at, is_chosen);
            outcome.text = entry.answer.clone().filter(|_| is_chosen);
            outcome
        });
        let outcomes = outcomes.collect();
        let prompt = entry.prompt.as_ref();
        let pieces = prompt.and_then(|of| of.pieces.as_ref());
        Question {
            key,
            tenant: entry.tenant.clone(),
            session: entry.session.clone(),
            namespace: None,
            operation: operation(&entry.operation),
            model: log.auto.clone().unwrap_or_else(|| entry.model.clone()),
            prompt: pieces
                .into_iter()
                .flatten()
                .map(|of| (of.role.core(), Arc::from(&*of.text)))
                .collect(),
            features: log.features(entry).map(Box::new),
            stream: entry.stream,
            group: entry.group.clone(),
            score: entry.decision().and_then(|of| of.score),
            place: 0,
            cacheable: !entry.uncacheable,
            outcomes,
            unrouted: asked.map(|attempt| as_recorded(attempt, entry)),
        }
    }

    /// By route.
    fn asked<'e>(&self, entry: &'e Entry) -> Vec<Asked<'e>> {
        let log = &self.survey.log;
        let mut asked = vec![Asked::default(); log.routes.len()];
        let mut before = None;
        for attempt in &entry.attempts {
            let Some(at) = log.route_of(attempt) else {
                continue;
            };
            if attempt.is(Purpose::Judge) {
                asked[at].again = Some(attempt);
                continue;
            }
            // What was there before it was not good enough.
            if let Some(rejected) = before.filter(|_| attempt.is(Purpose::Escalation)) {
                let of: &mut Asked<'_> = &mut asked[rejected];
                of.accepted = Some(false);
            }
            if attempt.outcome == Some(Was::Answered) {
                before = Some(at);
            }
            let of = &mut asked[at];
            // An answer tells more than a failure before it.
            if of.main.is_some_and(|of| of.usage.is_some()) {
                if attempt.is(Purpose::Hedge) {
                    of.lost = Some(attempt);
                }
            } else {
                of.lost = of.main.filter(|_| attempt.is(Purpose::Hedge));
                of.main = Some(attempt);
            }
        }
        let chosen = entry.chosen().and_then(|chosen| log.route_of(chosen));
        // The last route is not judged, nor one that a caller asked for by name.
        if let Some(at) = chosen.filter(|at| at + 1 < asked.len()) {
            let of = &mut asked[at];
            let named = entry.decision().is_none_or(|of| of.reason == "named");
            let judged = of.again.is_some() || self.survey.facts.was_judging(entry.time);
            if of.accepted.is_none() && judged && !named {
                of.accepted = Some(true);
            }
        }
        asked
    }

    fn recorded(
        &self,
        at: usize,
        main: &Attempt,
        of: Asked<'_>,
        entry: &Entry,
        key: u128,
    ) -> Outcome {
        let mut outcome = as_recorded(main, entry);
        outcome.accepted = of.accepted;
        outcome.again = of.again.map(|again| Box::new(as_recorded(again, entry)));
        if !entry.stream {
            return outcome;
        }
        let first = outcome.first_token.unwrap_or(outcome.took);
        let took = |of: &Attempt| of.latency_us.map_or(Duration::ZERO, millis);
        match of.lost {
            // The second attempt was faster: the first one would have taken longer than until then.
            Some(lost) if main.is(Purpose::Hedge) => {
                let rest = outcome.took.saturating_sub(first);
                let slow = took(lost) + Duration::from_millis(1);
                outcome.hedged = Some(first);
                outcome.first_token = Some(slow);
                outcome.took = slow + rest;
            }
            Some(lost) => outcome.hedged = Some(took(lost) + Duration::from_millis(1)),
            None => outcome.hedged = self.survey.first_tokens[at].drawn(SECOND, key),
        }
        outcome
    }

    /// A route that was not asked: the usage of the one that was, and a time by its own line, from a first token that was recorded
    /// of it.
    fn modelled(
        &self,
        at: usize,
        usage: Option<Usage>,
        asked: Option<&Attempt>,
        entry: &Entry,
        key: u128,
    ) -> Outcome {
        let as_asked = || {
            let recorded = asked.and_then(|of| of.latency_us);
            millis(recorded.unwrap_or(entry.latency_us))
        };
        let mut took = match (&self.survey.lines[at], &usage) {
            (Some(line), Some(usage)) => line.took(usage),
            _ => as_asked(),
        };
        let tokens = &self.survey.first_tokens[at];
        let mut first_token = asked.and_then(|of| of.first_token_us).map(millis);
        if entry.stream
            && let (Some(drawn), Some(mean)) = (tokens.drawn(UNASKED, key), tokens.mean())
        {
            took = drawn + took.saturating_sub(mean);
            first_token = Some(drawn);
        }
        Outcome {
            usage,
            took,
            first_token: first_token.filter(|_| entry.stream),
            hedged: tokens.drawn(SECOND, key).filter(|_| entry.stream),
            bytes: bytes(usage),
            ..Outcome::default()
        }
    }
}

/// As it was, whether it answered or failed.
fn as_recorded(attempt: &Attempt, entry: &Entry) -> Outcome {
    let error = match attempt.outcome {
        Some(Was::Answered) => None,
        Some(Was::TimedOut) => Some(ErrorKind::Timeout),
        Some(Was::Failed) => Some(kind(attempt.error.as_deref())),
        // Dropped for another one, or for its caller's sake: nobody knows what it would have said.
        Some(Was::Cancelled) | None => Some(ErrorKind::Unknown),
    };
    let took = attempt.latency_us.unwrap_or(entry.latency_us);
    let first_token = attempt.first_token_us.filter(|_| entry.stream);
    Outcome {
        model: attempt.answered.clone(),
        usage: attempt.usage,
        took: millis(took),
        first_token: first_token.map(millis),
        error,
        bytes: bytes(attempt.usage),
        ..Outcome::default()
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
