//! A replay for people.
use std::fmt::Write;

use obs_core::Usd;
use serde::Serialize;

use super::{Facts, Replayed};
use crate::report::{self, Chart, Line};

/// What was in the log, what the layers make of it, and what other settings would.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What was in the log.
    pub facts: Facts,
    /// What is modelled and what is not replayed, in sentences.
    pub about: Vec<String>,
    /// What the layers make of it.
    pub replayed: Replayed,
    /// What other settings would.
    pub what_if: Vec<Sweep>,
}

/// One setting, at several values.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// Its name.
    pub setting: String,
    /// Each value, and what comes of it.
    pub tried: Vec<Tried>,
}

/// A setting at one value.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// As it would be written.
    pub value: String,
    /// As a number: seconds, of a time.
    pub number: f64,
    /// What comes of it.
    pub replayed: Replayed,
}

impl Report {
    /// What was found in the log, and what came of it. `besides` is what whoever made the layers has to add to what is not replayed.
    #[must_use]
    pub fn new(
        facts: Facts,
        replayed: Replayed,
        besides: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut about = about(&facts);
        about.extend(besides);
        Self {
            facts,
            about,
            replayed,
            what_if: Vec::new(),
        }
    }

    /// Tables in Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (what, value) in self.rows() {
            let _ = writeln!(text, "| {what} | {value} |");
            if text.lines().count() == 1 {
                let _ = writeln!(text, "|---|---|");
            }
        }
        for sweep in &self.what_if {
            let _ = writeln!(
                text,
                "\n### What if {}\n\n| {} | saved | paid | baseline | hits | quality | p50 | p99 | cut |\n|---|---|---|---|---|---|---|---|---|",
                sweep.setting, sweep.setting
            );
            for tried in &sweep.tried {
                let of = &tried.replayed;
                let _ = writeln!(
                    text,
                    "| {} | {} | {:.6} | {:.6} | {} | {} | {} ms | {} ms | {} |",
                    tried.value,
                    share(of.saving),
                    of.paid,
                    of.baseline,
                    share(of.hit_rate),
                    quality(of),
                    of.p50_ms,
                    of.p99_ms,
                    of.cut
                );
            }
        }
        let _ = writeln!(text, "\n### What this is made of\n");
        for sentence in &self.about {
            let _ = writeln!(text, "- {sentence}");
        }
        text
    }

    /// A page of its own, with pictures, that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        let moments = &self.replayed.over_time;
        let over_time = |of: fn(&super::Moment) -> f64| {
            let points = moments.iter().map(|at| (at.at / 3600.0, of(at)));
            points.collect()
        };
        let mut charts = vec![Chart {
            title: "dollars so far".into(),
            across: "hours".into(),
            up: "dollars".into(),
            lines: vec![
                Line {
                    name: "baseline".into(),
                    points: over_time(|at| at.baseline),
                },
                Line {
                    name: "paid".into(),
                    points: over_time(|at| at.paid),
                },
            ],
        }];
        charts.extend(self.what_if.iter().map(Sweep::chart));
        report::page("What would have been saved", &self.text(), &charts)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let of = &self.replayed;
        let part = |amount: Usd| {
            let whole = of.baseline.as_dollars_f64();
            let share = (whole > 0.0).then(|| amount.as_dollars_f64() / whole);
            format!("{amount} ({})", self::share(share))
        };
        let routes = of
            .by_route
            .iter()
            .map(|of| format!("{} {}", of.route, of.answers));
        let routes: Vec<_> = routes.collect();
        vec![
            (
                "calls",
                format!(
                    "{} ({} answered, {} cut by timeouts, {} failed)",
                    of.calls, of.answered, of.cut, of.failed
                ),
            ),
            (
                "baseline",
                format!(
                    "{} ({} of {} answered calls, of which all is known)",
                    of.baseline, of.known, of.answered
                ),
            ),
            ("paid", part(of.paid)),
            ("of that for calls that failed", part(of.paid_in_vain)),
            ("of that outside of calls", part(of.paid_outside)),
            ("saved by cache", part(of.saved_by_cache)),
            ("saved by router", part(of.saved_by_router)),
            ("saved by cascade", part(of.saved_by_cascade)),
            ("saved besides", part(of.saved_besides)),
            ("saved in all", share(of.saving)),
            (
                "hits",
                format!(
                    "{} ({}), {} of them with another's call",
                    of.hits,
                    share(of.hit_rate),
                    of.coalesced
                ),
            ),
            ("answers by route", routes.join(", ")),
            ("quality", quality(of)),
            (
                "waiting",
                format!(
                    "p50 {} ms, p90 {} ms, p99 {} ms",
                    of.p50_ms, of.p90_ms, of.p99_ms
                ),
            ),
            (
                "as it was recorded",
                format!("{} paid, {} hits", self.facts.paid, self.facts.hits),
            ),
        ]
    }
}

impl Sweep {
    fn chart(&self) -> Chart {
        let line = |name: &str, of: fn(&Replayed) -> Option<f64>| Line {
            name: name.into(),
            points: self
                .tried
                .iter()
                .filter_map(|at| Some((at.number, 100.0 * of(&at.replayed)?)))
                .collect(),
        };
        Chart {
            title: format!("what if {}", self.setting),
            across: self.setting.clone(),
            up: "%".into(),
            lines: vec![
                line("saved", |of| of.saving),
                line("hits", |of| of.hit_rate),
                line("quality", |of| of.quality.map(|of| of.mean)),
            ],
        }
    }
}

/// What is modelled, and what cannot be told.
fn about(facts: &Facts) -> Vec<String> {
    let mut about = vec![
        "A route that was not asked is modelled: the same usage, and the time that is fitted to its own answers in the log.".to_owned(),
        "A hit saves what the stored answer had cost; what it saves beyond that, because a router had made that answer cheap, is told as besides."
            .into(),
    ];
    for route in &facts.routes {
        about.push(match route.latency_ms {
            Some([least, read, written]) => format!(
                "Route {}: {} answers recorded; {least:.0} ms + {read:.3} ms a token read + {written:.3} ms a token written where it was not asked.",
                route.route, route.answers
            ),
            None => format!(
                "Route {}: no answer recorded; it is taken to be as fast as the route that was asked.",
                route.route
            ),
        });
    }
    let mut tell = |count: u64, what: &str| {
        if count > 0 {
            about.push(format!("{count} of {} calls {what}", facts.calls));
        }
    };
    tell(
        facts.without_key,
        "have no key: whether they are repeats cannot be told, and they are taken for new.",
    );
    tell(
        facts.without_prompt - facts.undecidable,
        "have no prompt: the recorded score decides.",
    );
    tell(
        facts.undecidable,
        "have neither prompt nor score: what a policy would do with them cannot be told, and they take the default route.",
    );
    tell(
        facts.timed_out,
        "ran out of time when they were recorded: how long they would have taken without a limit is not known.",
    );
    if facts.left > 0 {
        about.push(format!(
            "{} more calls are not replayed: their callers left before the end.",
            facts.left
        ));
    }
    if facts.work > 0 {
        about.push(format!(
            "Not replayed: {} pieces of work that no caller waited for, which had cost {}.",
            facts.work, facts.work_paid
        ));
    }
    if let Some(first) = &facts.first_unreadable {
        about.push(format!(
            "{} lines cannot be read; the first: {first}",
            facts.unreadable
        ));
    }
    if facts.torn > 0 {
        about.push(format!(
            "{} lines end before they are complete, and are passed over.",
            facts.torn
        ));
    }
    about
}

fn quality(of: &Replayed) -> String {
    let Some(quality) = of.quality else {
        return "not known: no verdicts".into();
    };
    let kept = match quality.kept {
        Some(kept) => format!(
            "; {:.1} % of the gap kept ({} calls)",
            kept * 100.0,
            quality.kept_known
        ),
        None => String::new(),
    };
    format!(
        "{:.1} % ({:.1} to {:.1}, of {} calls){kept}",
        quality.mean * 100.0,
        quality.low * 100.0,
        quality.high * 100.0,
        quality.known
    )
}

fn share(part: Option<f64>) -> String {
    part.map_or("-".into(), |part| format!("{:.1} %", part * 100.0))
}
