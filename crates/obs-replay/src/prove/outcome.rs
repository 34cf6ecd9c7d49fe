//! What the proof found.
use std::{collections::HashMap, sync::Arc};

use obs_core::{PriceTable, Usd};
use serde::Serialize;

use super::{
    Prove,
    data::Data,
    samples::Figures,
    stage::{Contender, Played},
    workload::Law,
};
use crate::{Question, report};

/// Everything that the proof found, for [`text`](Self::text), [`html`](Self::html) and JSON.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Proof {
    /// What is measured and what is assumed, in sentences.
    pub about: Vec<String>,
    /// Decided mixes, folds, judges and resamples.
    pub seed: u64,
    /// The table, for each mix of repeats.
    pub mixes: Vec<Mix>,
    /// Each family over its share of calls to the strong model.
    pub curves: Vec<Curve>,
    /// Hits over the lifetime of answers.
    pub lifetimes: Vec<Lifetime>,
}

/// All contenders on one mix.
#[derive(Clone, Debug, Serialize)]
pub struct Mix {
    /// Chance of a call to be an exact repeat.
    pub repeats: f64,
    /// The contenders.
    pub rows: Vec<Row>,
}

/// One contender on one mix.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Paid, at the prices of the data set.
    pub paid: Usd,
    /// The bill of always premium, at those prices.
    pub baseline: Usd,
    /// Paid, at the prices of today.
    pub paid_today: Usd,
    /// The bill of always premium, at the prices of today.
    pub baseline_today: Usd,
    /// Saving, quality kept, share of right answers.
    #[serde(flatten)]
    pub figures: Figures,
    /// What the cache counted as saved: what stored answers had cost.
    pub by_cache: Usd,
    /// What the router counted as saved where no judge was asked.
    pub by_router: Usd,
    /// What the router counted as saved where a judge was asked.
    pub by_cascade: Usd,
    /// What stands in no layer's account: see [`Totals::saved_besides`](crate::Totals#structfield.saved_besides).
    pub besides: Usd,
    /// Hits among hits and misses; `None`: there is no cache.
    pub hit_rate: Option<f64>,
    /// Part of the calls whose answer the strong model gave for them.
    pub premium: f64,
    /// Median of what callers waited, in milliseconds.
    pub p50_ms: u64,
    /// The 99th percentile.
    pub p99_ms: u64,
    /// Calls that timeouts cut.
    pub cut: u64,
}

/// A family over its share of calls to the strong model.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// Who.
    pub family: String,
    /// The mix behind a cache; `None`: there is no cache.
    pub repeats: Option<f64>,
    /// Its points, by rising share.
    pub points: Vec<Point>,
    /// At which quality the savings are reached that were asked for.
    pub reached: Vec<Reached>,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Part of the calls that the policy sends (straight) to the strong model.
    pub share: f64,
    /// Part of the always-premium bill that is saved.
    pub saving: f64,
    /// Part of the gap in quality that is kept.
    pub kept: f64,
}

/// Where a saving is reached.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reached {
    /// The saving, as a part.
    pub target: f64,
    /// What goes with it; `None`: it is not reached.
    pub figures: Option<Figures>,
}

/// Hits over the lifetime of answers, for one law of repeats.
#[derive(Clone, Debug, Serialize)]
pub struct Lifetime {
    /// Which earlier question a repeat repeats.
    pub law: &'static str,
    /// Chance of a call to be a repeat.
    pub repeats: f64,
    /// Seconds since the same question was asked last, of half of the repeats.
    pub median_gap: f64,
    /// The same, of nine in ten.
    pub p90_gap: f64,
    /// Part of the calls that are hits, for each lifetime that was tried.
    pub hits: Vec<f64>,
}

impl Proof {
    pub(super) fn new(
        how: &Prove,
        data: &Data,
        questions: &[Arc<Question>],
        passed: [usize; 2],
    ) -> Self {
        let (seed, resamples, today) = (how.seed, how.resamples, &how.models);
        let seconds = data.arrivals.last().map_or(0, |of| of.as_secs());
        let mean = |route: usize| {
            let of = questions.iter().filter_map(|of| of.outcomes[route].usage);
            of.map(|of| of.output).sum::<u64>() / questions.len() as u64
        };
        let input = questions.iter().filter_map(|of| of.outcomes[0].usage);
        let input = input.map(|of| of.input).sum::<u64>() / questions.len() as u64;
        let right = |route: usize| {
            let of = data.prompts.iter().map(|of| f64::from(of.quality[route]));
            100.0 * of.sum::<f64>() / data.prompts.len() as f64
        };
        let about = vec![
            format!(
                "Calls: {} arrivals of a real trace in {} minutes; {} distinct prompts whose weak and strong answers are known to be right \
                 or wrong ({:.1} % and {:.1} %).",
                data.arrivals.len(), seconds / 60, questions.len(), right(0), right(1),
            ),
            "Repeats: each call is an exact repeat with the chance of the mix, and then of the question of any earlier call, all alike, so that \
             popular questions grow more popular."
                .into(),
            format!(
                "Modelled: lengths of answers ({} weak and {} strong tokens in the mean, {input} of the prompt; four characters are a token; \
                 where the data have no lengths, a pair is drawn from those that have); latency (484 ms + 0.35 a token read + 2.3 a token \
                 written for the weak model, 984 + 0.14 + 8.7 for the strong one, without spread); the judges.",
                mean(0), mean(1),
            ),
            format!(
                "Prices a million tokens: $0.24 weak and $24.7 strong, as the data were made; today's are those of {} and {} in the bundled \
                 list of {}, on the same outcomes: how well those models answer is not in these data.",
                today[0], today[1], PriceTable::bundled_date(),
            ),
            format!(
                "Learned: five folds, each prompt decided by a model and a threshold that never saw it (rows held out) or anything of its \
                 group (groups held out). \"For 90 %\" means: at the smallest share of strong calls that kept 90 % of the quality gap on what \
                 was seen. The gate, which wants a model to beat the prompt's length on unseen groups, passes {} of the five models of the \
                 first kind and {} of the second: where it does not, a gateway lets the length decide.",
                passed[0], passed[1],
            ),
            "Judges: 80 % / 10 % sees the weak answer, sends 80 % of the wrong ones back and 10 % of the right ones; 30 % / 30 % guesses. They \
             cost nothing and take no time: one that asks the weak model once more costs at most as much as always cheap does. Expected cost \
             decides for each prompt whether to stay cheap, to go straight to premium or to have the weak answer judged."
                .into(),
            format!(
                "Quality kept: the part of the gap between always cheap (0 %) and always premium (100 %). In brackets: 95 % intervals of \
                 {resamples} resamples of prompts (of groups, where groups are held out), the same for all rows. Seed {seed}."
            ),
        ];
        Self {
            about,
            seed,
            mixes: Vec::new(),
            curves: Vec::new(),
            lifetimes: Vec::new(),
        }
    }

    /// For people: tables in Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        super::text::of(self)
    }

    /// A page of its own, with pictures, that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        let pictures = [Some(0.01), Some(0.05), Some(0.2), Some(0.6), None].map(|repeats| {
            let title = match repeats {
                Some(repeats) => format!("{:.0} % repeats, behind a cache", repeats * 100.0),
                None => "without a cache".into(),
            };
            let curves = self.curves.iter().filter(|of| of.repeats == repeats);
            let lines = curves.map(|of| report::Line {
                name: of.family.clone(),
                points: of
                    .points
                    .iter()
                    .map(|p| (100.0 * p.saving, 100.0 * p.kept))
                    .collect(),
            });
            report::Chart {
                title,
                across: "saved, %".into(),
                up: "quality kept, %".into(),
                lines: lines.collect(),
            }
        });
        report::page(
            "What is saved, and what quality is kept",
            &self.text(),
            &pictures,
        )
    }
}

impl Row {
    pub(super) fn new(who: &Contender, played: &Played, figures: Figures) -> Self {
        let of = &played.totals;
        let millis = |part| u64::try_from(of.latency(part).as_millis()).unwrap_or(u64::MAX);
        Self {
            name: who.name.clone(),
            paid: of.paid.known,
            baseline: of.baseline.known,
            paid_today: played.today[0].known,
            baseline_today: played.today[1].known,
            figures,
            by_cache: of.saved_by_cache,
            by_router: of.saved_by_router,
            by_cascade: of.saved_by_cascade,
            besides: of.saved_besides,
            hit_rate: who.ttl.and_then(|_| of.hit_rate()),
            premium: of.by_route[1] as f64 / of.calls.max(1) as f64,
            p50_ms: millis(0.5),
            p99_ms: millis(0.99),
            cut: of.cut,
        }
    }
}

impl Point {
    pub(super) fn new(share: f64, played: &Played) -> Self {
        let of = &played.totals;
        Self {
            share,
            saving: of.saving().unwrap_or_default(),
            kept: of.quality_kept().unwrap_or(f64::NAN),
        }
    }
}

impl Lifetime {
    pub(super) fn new(law: Law, repeats: f64, data: &Data, asked: &[u32], hits: Vec<f64>) -> Self {
        let mut last = HashMap::new();
        let mut gaps = Vec::new();
        for (question, at) in asked.iter().zip(&data.arrivals) {
            if let Some(before) = last.insert(*question, *at) {
                gaps.push((*at - before).as_secs_f64());
            }
        }
        gaps.sort_by(f64::total_cmp);
        let part = |part: f64| {
            let at = gaps.len().saturating_sub(1) as f64 * part;
            gaps.get(at.round() as usize).copied().unwrap_or_default()
        };
        Self {
            law: match law {
                Law::Popular => "any earlier call",
                Law::Recent => "one of the last fifty",
            },
            repeats,
            median_gap: part(0.5),
            p90_gap: part(0.9),
            hits,
        }
    }
}
