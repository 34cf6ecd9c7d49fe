//! The first reading of a log: what is in it, and what is not.
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
};

use obs_core::{Purpose, Usage, Usd};
use obs_ledger::{Attempt, Entry, Outcome, ReadError, Reader, Record};
use serde::Serialize;

use super::{
    Log, LogError,
    first_tokens::FirstTokens,
    latency::{Line, Sums},
    memory::Latest,
};

/// Verdicts that are remembered, the latest.
const VERDICTS: usize = 2_000_000;

/// What the first reading found.
#[derive(Debug)]
pub struct Survey {
    pub(super) log: Log,
    /// What is in the log.
    pub facts: Facts,
    pub(super) lines: Vec<Option<Line>>,
    pub(super) first_tokens: Vec<FirstTokens>,
    pub(super) verdicts: Latest<u64, Verdicts>,
}

/// What is in a log, and what is not.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Facts {
    /// Calls that are replayed.
    pub calls: u64,
    /// When the first of them began, in milliseconds since 1970.
    pub first: u64,
    /// Milliseconds from there to the begin of the last one.
    pub span_ms: u64,
    /// Those that a cache answered when they were recorded.
    pub hits: u64,
    /// Those that failed then.
    pub failed: u64,
    /// Those whose time was up then.
    pub timed_out: u64,
    /// What they had cost then, as far as it is known.
    pub paid: Usd,
    /// How many costs are not in it.
    pub unknown_costs: u64,
    /// Calls whose callers left before the end: what they would have got is not known, and they are not replayed.
    pub left: u64,
    /// Work that no caller waited for (refreshes, comparisons), which is not replayed.
    pub work: u64,
    /// What that work had cost.
    pub work_paid: Usd,
    /// Calls without a key: whether they are repeats cannot be told, and they are taken for new.
    pub without_key: u64,
    /// Calls whose answer was wanted as a stream.
    pub streams: u64,
    /// Calls of which a judge sent an answer on to a better route, or asked for a second one.
    pub judged: u64,
    /// When the first and the last of these began, in milliseconds since 1970: between them judges were at work.
    pub judging: Option<(u64, u64)>,
    /// Calls without a prompt, which their recorded features decide.
    pub by_features: u64,
    /// Calls without a prompt, which the recorded score decides.
    pub without_prompt: u64,
    /// Calls with none of these: they take the default route, and what a policy would have done cannot be told.
    pub undecidable: u64,
    /// Verdicts on answers.
    pub verdicts: u64,
    /// Lines that cannot be read.
    pub unreadable: u64,
    /// The first of them.
    pub first_unreadable: Option<String>,
    /// Lines that end before they are complete.
    pub torn: u64,
    /// What is modelled of each route.
    pub routes: Vec<ModelledRoute>,
}

/// What is known of a route, and what is modelled.
#[derive(Clone, Debug, Serialize)]
pub struct ModelledRoute {
    /// The route.
    pub route: String,
    /// Recorded answers of it.
    pub answers: u64,
    /// Milliseconds at the least, for a token read, and for a token written: how long it takes where it was not asked. `None`: no answer of it
    /// was recorded, and it takes as long as the route that was asked.
    pub latency_ms: Option<[f64; 3]>,
    /// Recorded times to the first token of a stream: where it was not asked, and of second attempts, one of them is drawn.
    pub first_tokens: u32,
}

impl Facts {
    /// Whether judges were at work at this time, in milliseconds since 1970.
    pub(super) fn was_judging(&self, time: u64) -> bool {
        self.judging
            .is_some_and(|(first, last)| (first..=last).contains(&time))
    }
}

/// What was said of the answers of one call: of the one that its caller got, and of routes by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    pub(super) chosen: Option<f32>,
    pub(super) routes: BTreeMap<u8, f32>,
}

impl Survey {
    /// How good the answer of a call is that this route gave, and that its caller got. What is said on behalf of a tenant is of its own
    /// calls alone, though others may have named theirs alike.
    pub(super) fn quality(&self, entry: &Entry, route: usize, is_chosen: bool) -> Option<f32> {
        let route = u8::try_from(route).unwrap_or(u8::MAX);
        let tenants = [entry.tenant.as_deref(), None];
        let tenants = &tenants[usize::from(entry.tenant.is_none())..];
        let said = || {
            let names = tenants.iter().map(|of| named(&entry.call, *of));
            names.filter_map(|name| self.verdicts.get(&name))
        };
        let of_route = said().find_map(|said| said.routes.get(&route).copied());
        let of_answer = || said().find_map(|said| said.chosen).filter(|_| is_chosen);
        of_route.or_else(of_answer)
    }
}

impl Log {
    /// Reads the log for the first time. `progress` hears of how many bytes of how many are read.
    ///
    /// # Errors
    /// Where there is no such log, or nothing in it. Lines that cannot be read are counted.
    pub fn survey(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Survey, LogError> {
        if self.path.as_os_str() == "-" {
            return Err(LogError::Stream);
        }
        let mut reader = Reader::open(&self.path)?;
        let mut facts = Facts::default();
        let mut last = 0;
        let mut sums = vec![Sums::default(); self.routes.len()];
        let mut first_tokens = vec![FirstTokens::new(); self.routes.len()];
        let mut verdicts: Latest<u64, Verdicts> = Latest::new(VERDICTS);
        let mut lines = 0_u64;
        while let Some(record) = reader.next() {
            lines += 1;
            if lines.is_multiple_of(4096) {
                progress(reader.bytes(), reader.total_bytes().unwrap_or(0));
            }
            match record {
                Ok(Record::Call(entry)) => {
                    if self.count(&entry, &mut facts) {
                        last = last.max(entry.time);
                    }
                    for attempt in &entry.attempts {
                        let seen = (attempt.usage, attempt.latency_us, attempt.outcome);
                        if let (Some(at), (Some(usage), Some(took), Some(Outcome::Answered))) =
                            (self.route_of(attempt), seen)
                        {
                            sums[at].add(&usage, took as f64 / 1e3);
                            if let Some(time) = attempt.first_token_us {
                                first_tokens[at].add(time);
                            }
                        }
                    }
                }
                Ok(Record::Feedback(of)) => {
                    let Some(quality) = of.quality() else {
                        continue;
                    };
                    facts.verdicts += 1;
                    let name = named(&of.feedback, of.tenant.as_deref());
                    if verdicts.get(&name).is_none() {
                        verdicts.put(name, Verdicts::default());
                    }
                    let Some(said) = verdicts.get_mut(&name) else {
                        continue;
                    };
                    let route = of.route.as_ref();
                    let at = route.map(|route| self.routes.iter().position(|(of, _)| of == route));
                    match at {
                        None => said.chosen = Some(quality),
                        Some(Some(at)) => {
                            let at = u8::try_from(at).unwrap_or(u8::MAX);
                            said.routes.insert(at, quality);
                        }
                        Some(None) => {}
                    }
                }
                Err(error @ ReadError::File { .. }) => return Err(error.into()),
                Err(error) => {
                    facts.unreadable += 1;
                    facts
                        .first_unreadable
                        .get_or_insert_with(|| error.to_string());
                }
            }
        }
        facts.torn = reader.torn();
        if facts.calls == 0 {
            return Err(LogError::Empty(self.path.clone()));
        }
        facts.span_ms = last - facts.first;
        let lines: Vec<_> = sums.iter().map(Sums::line).collect();
        let known = sums.iter().zip(&lines).zip(&first_tokens);
        let known = self.routes.iter().zip(known);
        let routes = known.map(|((name, _), ((sums, line), tokens))| ModelledRoute {
            route: name.as_ref().to_owned(),
            answers: sums.count(),
            latency_ms: line.map(|line| line.parts()),
            first_tokens: tokens.seen(),
        });
        facts.routes = routes.collect();
        Ok(Survey {
            log: self.clone(),
            facts,
            lines,
            first_tokens,
            verdicts,
        })
    }

    /// Whether it is replayed.
    fn count(&self, entry: &Entry, facts: &mut Facts) -> bool {
        if entry.work {
            facts.work += 1;
            facts.work_paid += entry.paid;
            return false;
        }
        if entry.outcome == Outcome::Cancelled {
            facts.left += 1;
            return false;
        }
        facts.first = match facts.calls {
            0 => entry.time,
            _ => facts.first.min(entry.time),
        };
        facts.calls += 1;
        facts.hits += u64::from(entry.is_hit());
        facts.failed += u64::from(entry.outcome == Outcome::Failed);
        facts.timed_out += u64::from(entry.outcome == Outcome::TimedOut);
        facts.paid += entry.paid;
        facts.unknown_costs += u64::from(entry.unknown_costs);
        facts.without_key += u64::from(entry.key.is_none());
        let prompt = entry.prompt.as_ref().and_then(|of| of.pieces.as_ref());
        facts.streams += u64::from(entry.stream);
        let is_judges = |of: &Attempt| of.is(Purpose::Judge) || of.is(Purpose::Escalation);
        if entry.attempts.iter().any(is_judges) {
            facts.judged += 1;
            let (first, last) = facts.judging.unwrap_or((entry.time, entry.time));
            facts.judging = Some((first.min(entry.time), last.max(entry.time)));
        }
        if prompt.is_some_and(|pieces| !pieces.is_empty()) {
            return true;
        }
        if self.features(entry).is_some() {
            facts.by_features += 1;
        } else {
            facts.without_prompt += 1;
            let score = entry.decision().and_then(|of| of.score);
            facts.undecidable += u64::from(score.is_none());
        }
        true
    }
}

/// The same in every run: of a name that tells the calls of a tenant apart.
fn named(call: &str, tenant: Option<&str>) -> u64 {
    hash((call, tenant))
}

/// The same in every run.
pub(super) fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
}

/// Of a call that a model answered: what it used.
pub(super) fn usage(entry: &Entry) -> Option<Usage> {
    let answered = || {
        let mut all = entry.attempts.iter();
        all.find(|of| of.outcome == Some(Outcome::Answered))
    };
    entry.chosen().or_else(answered)?.usage
}
