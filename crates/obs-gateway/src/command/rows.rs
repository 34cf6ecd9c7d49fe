//! From a log to rows: prompts whose cheap and premium answers were judged.
use std::{collections::HashMap, path::PathBuf, sync::Arc};

use clap::ArgMatches;
use obs_learn::{Dataset, FEATURES};
use obs_ledger::{Entry, Feedback, Reader, Record};

use super::{Failure, progress, text};

/// What is told every so many lines.
const TOLD: u64 = 4096;

/// Which log, and what is which in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) logs: Vec<PathBuf>,
    pub(super) cheap: String,
    pub(super) premium: String,
    pub(super) one_sided: bool,
}

/// What was found in a log.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) data: Dataset,
    pub(super) calls: u64,
    /// Calls of which both answers were judged.
    pub(super) both: u64,
    /// Calls of which one was.
    pub(super) one: u64,
    /// Rows that have the text of their prompt.
    pub(super) with_text: u64,
    /// Judged calls that have neither text nor features.
    pub(super) blank: u64,
    pub(super) torn: u64,
}

/// What was said of a call.
#[derive(Debug)]
struct Said {
    /// Who said it; `None`: the gateway itself.
    tenant: Option<Arc<str>>,
    /// Of the answer of this route; `None`: of the answer that the call got.
    route: Option<Arc<str>>,
    quality: f32,
}

/// Mean of a quality.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Rows {
    pub(super) fn read(matches: &ArgMatches) -> Self {
        let logs = matches.get_many::<PathBuf>("logs").unwrap_or_default();
        Self {
            logs: logs.cloned().collect(),
            cheap: text(matches, "cheap"),
            premium: text(matches, "premium"),
            one_sided: matches.get_flag("one-sided"),
        }
    }

    /// Reads the log twice, or three times: feedback comes later than calls, and only what was said is kept in memory, and the rows.
    pub(super) fn found(&self) -> Result<Found, Failure> {
        if self.logs.iter().any(|log| log.as_os_str() == "-") {
            return Err(Failure::new(
                "standard input can be read once, and a log is read twice: name a file",
            ));
        }
        let mut said = HashMap::<Arc<str>, Vec<Said>>::new();
        self.each("feedback", &mut |record| {
            if let Record::Feedback(feedback) = record {
                note(&mut said, feedback);
            }
        })?;
        let mut means = [Mean::default(), Mean::default()];
        if self.one_sided {
            self.each("means", &mut |record| {
                if let Record::Call(entry) = record {
                    let judged = self.judged(&said, &entry);
                    for (mean, quality) in means.iter_mut().zip(judged) {
                        mean.add(quality);
                    }
                }
            })?;
        }
        let mut found = Found::default();
        let torn = self.each("calls", &mut |record| {
            if let Record::Call(entry) = record {
                found.calls += u64::from(!entry.work);
                let judged = self.judged(&said, &entry);
                self.add(&mut found, &entry, judged, &means);
            }
        })?;
        found.torn = torn;
        Ok(found)
    }

    /// Reads all records, and gives back how many lines were torn.
    fn each(&self, what: &'static str, take: &mut dyn FnMut(Record)) -> Result<u64, Failure> {
        let mut torn = 0;
        for log in &self.logs {
            let mut reader = Reader::open(log).map_err(Failure::new)?;
            let bar = progress::bytes(what, reader.total_bytes());
            let mut lines = 0;
            while let Some(record) = reader.next() {
                take(record.map_err(Failure::new)?);
                lines += 1;
                if lines % TOLD == 0 {
                    bar.set_position(reader.bytes());
                }
            }
            bar.finish_and_clear();
            torn += reader.torn();
        }
        Ok(torn)
    }

    /// The quality of the cheap and of the premium answer.
    fn judged(&self, said: &HashMap<Arc<str>, Vec<Said>>, entry: &Entry) -> [Option<f32>; 2] {
        let Some(said) = said.get(&entry.call).filter(|_| !entry.work) else {
            return [None, None];
        };
        // What strangers said is passed over, and takes nothing away from what others said.
        let counts = |said: &&Said| said.tenant.is_none() || said.tenant == entry.tenant;
        let last = |of: Option<&str>| {
            let mut said = said.iter().rev().filter(counts);
            said.find(|said| said.route.as_deref() == of)
                .map(|said| said.quality)
        };
        [&self.cheap, &self.premium].map(|route| {
            let own = last(None).filter(|_| entry.route.as_deref() == Some(route));
            own.or_else(|| last(Some(route)))
        })
    }

    fn add(&self, found: &mut Found, entry: &Entry, judged: [Option<f32>; 2], means: &[Mean; 2]) {
        match judged {
            [None, None] => return,
            [Some(_), Some(_)] => found.both += 1,
            _ => found.one += 1,
        }
        let [Some(cheap), Some(premium)] = (if self.one_sided {
            [
                judged[0].or(means[0].value()),
                judged[1].or(means[1].value()),
            ]
        } else {
            judged
        }) else {
            return;
        };
        let Some(prompt) = &entry.prompt else {
            found.blank += 1;
            return;
        };
        let group = entry.group.as_deref().or(entry.tenant.as_deref());
        let pushed = match (
            &prompt.pieces,
            <[f32; FEATURES]>::try_from(&*prompt.features),
        ) {
            (Some(pieces), _) => {
                found.with_text += 1;
                let pieces: Vec<_> = pieces.iter().map(|p| (p.role.core(), &*p.text)).collect();
                found.data.push(group, &pieces[..], cheap, premium)
            }
            (None, Ok(features)) => found.data.push_features(group, &features, cheap, premium),
            (None, Err(_)) => {
                found.blank += 1;
                return;
            }
        };
        // What is no quality was passed over when it was read.
        debug_assert!(pushed.is_ok(), "qualities are from 0 to 1");
    }
}

fn note(said: &mut HashMap<Arc<str>, Vec<Said>>, feedback: Feedback) {
    let Some(quality) = feedback.quality() else {
        return;
    };
    said.entry(feedback.feedback).or_default().push(Said {
        tenant: feedback.tenant,
        route: feedback.route,
        quality,
    });
}

impl Mean {
    fn add(&mut self, quality: Option<f32>) {
        if let Some(quality) = quality {
            self.sum += f64::from(quality);
            self.count += 1;
        }
    }

    fn value(&self) -> Option<f32> {
        (self.count > 0).then(|| (self.sum / self.count as f64) as f32)
    }
}

impl Found {
    /// What there was, for people.
    pub(super) fn told(&self, rows: &Rows) -> String {
        let mut told = format!(
            "{} calls; both answers judged of {}, one of {}; {} rows, {} of them with the text of their prompt",
            self.calls,
            self.both,
            self.one,
            self.data.len(),
            self.with_text
        );
        if self.one > 0 && !rows.one_sided {
            told += "\nwhat was judged on one side is left out: --one-sided guesses the other side";
        }
        if self.blank > 0 {
            told += &format!(
                "\n{} judged calls have neither text nor features",
                self.blank
            );
        }
        if self.torn > 0 {
            told += &format!("\n{} lines are torn, as a crash leaves them", self.torn);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_says_of_a_call_neither_counts_nor_takes_away_what_others_said() {
        let rows = Rows {
            logs: Vec::new(),
            cheap: "cheap".into(),
            premium: "premium".into(),
            one_sided: false,
        };
        let entry = Entry {
            call: "call-1-1".into(),
            tenant: Some("own".into()),
            route: Some("cheap".into()),
            ..Entry::default()
        };
        let say = |tenant: Option<&str>, route: Option<&str>, score| {
            let mut feedback = Feedback::new("call-1-1", score);
            feedback.tenant = tenant.map(Into::into);
            feedback.route = route.map(Into::into);
            feedback
        };
        let mut said = HashMap::new();
        note(&mut said, say(None, Some("cheap"), 0.5));
        note(&mut said, say(None, Some("premium"), 1.0));
        note(&mut said, say(Some("other"), None, 0.0));
        assert_eq!(rows.judged(&said, &entry), [Some(0.5), Some(1.0)]);
        note(&mut said, say(Some("own"), None, 0.75));
        note(&mut said, say(Some("other"), None, 0.25));
        assert_eq!(rows.judged(&said, &entry), [Some(0.75), Some(1.0)]);
    }
}
