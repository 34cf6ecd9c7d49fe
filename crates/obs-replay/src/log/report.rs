//! A replay for people.
use std::fmt::Write;

use obs_core::Usd;
use serde::Serialize;

use super::{Facts, Replayed, about::about};
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
        let (across, seconds) = unit(moments.last().map_or(0.0, |last| last.at));
        let over_time = |of: fn(&super::Moment) -> f64| {
            let points = moments.iter().map(|at| (at.at / seconds, of(at)));
            points.collect()
        };
        let mut charts = vec![Chart {
            title: "dollars so far".into(),
            across: across.into(),
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
            ("of that for judges that ask again", part(of.paid_judging)),
            ("of that for attempts that lost", part(of.paid_racing)),
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
            ("first token of streams", first_token(of)),
            ("second attempts", hedged(of)),
            ("judged", judged(of)),
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

/// What so many seconds are best told in, and how many seconds that has.
fn unit(seconds: f64) -> (&'static str, f64) {
    let units = [("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0)];
    let fits = units.into_iter().find(|(_, of)| seconds < 120.0 * of);
    fits.unwrap_or(("days", 86_400.0))
}

fn quality(of: &Replayed) -> String {
    let Some(quality) = of.quality else {
        return "not known: no verdicts".into();
    };
    let known = quality.kept_known;
    let kept = match (quality.kept, quality.kept_interval) {
        (Some(kept), Some((low, high))) => format!(
            "; {:.1} % of the gap kept ({:.1} to {:.1}, of {known} calls)",
            kept * 100.0,
            low * 100.0,
            high * 100.0
        ),
        (Some(kept), None) => format!(
            "; {:.1} % of the gap kept ({known} calls, which tell no interval)",
            kept * 100.0
        ),
        (None, _) => String::new(),
    };
    format!(
        "{:.1} % ({:.1} to {:.1}, of {} calls){kept}",
        quality.mean * 100.0,
        quality.low * 100.0,
        quality.high * 100.0,
        quality.known
    )
}

fn first_token(of: &Replayed) -> String {
    of.first_token_ms
        .map_or("-".into(), |[half, most, nearly_all]| {
            format!("p50 {half} ms, p90 {most} ms, p99 {nearly_all} ms")
        })
}

fn hedged(of: &Replayed) -> String {
    of.hedged.map_or("-".into(), |of| {
        format!("{} made, {} won, {} refused", of.made, of.won, of.refused)
    })
}

fn judged(of: &Replayed) -> String {
    let Some(of) = of.judged else {
        return "-".into();
    };
    let all = of.as_recorded + of.by_text + of.modelled;
    let ways = [
        (of.as_recorded, "as recorded"),
        (of.by_text, "by text"),
        (of.modelled, "by a modelled judge"),
    ];
    let ways = ways.iter().filter(|(count, _)| *count > 0);
    let ways: Vec<_> = ways.map(|(count, how)| format!("{count} {how}")).collect();
    let ways = match ways[..] {
        [] => String::new(),
        _ => format!(" ({})", ways.join(", ")),
    };
    let (sent, not) = (of.rejected, of.unjudged);
    format!("{all} answers{ways}, {sent} of them sent on; {not} not judged, and accepted")
}

fn share(part: Option<f64>) -> String {
    part.map_or("-".into(), |part| format!("{:.1} %", part * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_seconds_is_not_one_of_hours() {
        let told = [0.0, 100.0, 120.0, 7_199.0, 7_200.0, 400_000.0, 500_000.0].map(|of| unit(of).0);
        let expected = [
            "seconds", "seconds", "minutes", "minutes", "hours", "hours", "days",
        ];
        assert_eq!(told, expected);
    }
}
