//! What all calls of a replay come to.
mod figures;

use std::sync::Arc;

use hdrhistogram::Histogram;
use obs_core::{CacheStatus, Elapsed, ErrorKind, Outcome, Paid, PriceTable, Purpose, Usd};

use crate::{Ended, Seen, resamples::Resamples};

/// Longest wait that is told apart, in milliseconds: a day.
const LONGEST: u64 = 86_400_000;

/// Sums over all calls of a replay. They are those of the layers' own `stats()`, to the pico-dollar, and beside them what only a
/// replay can know: what every call would have cost at the baseline, and how good the answers were.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Totals {
    /// All calls.
    pub calls: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those whose time was up.
    pub cut: u64,
    /// Those that failed in any other way.
    pub failed: u64,
    /// Answered by the cache or by another's call.
    pub hits: u64,
    /// Of the hits: by another's call that was under way.
    pub coalesced: u64,
    /// Asked of a model because the cache had no answer, whether one came or not. (A cache counts those whose caller left apart.)
    pub misses: u64,
    /// Requests that models got.
    pub attempts: u64,
    /// Answered calls by the route that gave the answer now; hits are not among them. In the order of the routes.
    pub by_route: Vec<u64>,
    /// What all answered calls would have cost at the baseline route, by what that route makes of each.
    pub baseline: Paid,
    /// What all attempts cost.
    pub paid: Paid,
    /// What was paid for calls that were not answered.
    pub paid_in_vain: Usd,
    /// What was paid for work that no call pays for: refreshes, shared calls that everybody had left. Known when it is
    /// [settled](Self::settle).
    pub paid_outside: Usd,
    /// What judges asked for, to compare answers; it is part of what was paid.
    pub paid_judging: Usd,
    /// Second attempts that were made because the first one was slow.
    pub hedges: u64,
    /// What the attempts that lost against another one are taken to have cost: all of it, for nobody knows what is billed of one that
    /// was cancelled. No layer counts it.
    pub paid_racing: Usd,
    /// Saved by the cache: what the stored answers had cost.
    pub saved_by_cache: Usd,
    /// Saved by choosing a route. Below zero for a loss.
    pub saved_by_router: Usd,
    /// Saved where a judge looked at a cheap answer first. Below zero for a loss.
    pub saved_by_cascade: Usd,
    /// Saved and in no layer's account: a hit saves what the stored answer had cost, which a router may have made little; and the
    /// baseline's own answers may have been of another length.
    pub saved_besides: Usd,
    /// Of the answered calls, those of which both what they cost and what they would have cost is known: the savings are of these.
    pub known: u64,
    /// What those would have cost at the baseline route.
    pub known_baseline: Usd,
    /// What those cost.
    pub known_paid: Usd,
    /// Answered calls of which the layers cannot say what was saved.
    pub unknown_savings: u64,
    /// Answered calls of which it is known how good the answer is.
    pub judged_quality: u64,
    /// The sum of the qualities of their answers.
    pub quality: f64,
    /// The sum of their squares.
    pub quality_squares: f64,
    /// Of those of which both are known: what the first route would have had.
    pub quality_first: f64,
    /// Of the same: what the baseline would have had.
    pub quality_baseline: f64,
    /// Of those calls: of how many both are known.
    pub quality_known: u64,
    /// The sum of the qualities of the answers of these.
    pub quality_both: f64,
    latency: Histogram<u64>,
    first_tokens: Histogram<u64>,
    resamples: Option<Box<Resamples>>,
    baseline_at: usize,
    prices: PriceTable,
    routes: Vec<Arc<str>>,
    models: Vec<Arc<str>>,
}

/// Attempts that lost against others, of which it is known what they would have cost.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    known: Usd,
    count: u32,
}

impl Totals {
    /// Nothing yet. `routes` are names and models in the order of the outcomes, and `baseline` is the place of one of them.
    #[must_use]
    pub fn new(routes: &[(Arc<str>, Arc<str>)], baseline: usize, prices: PriceTable) -> Self {
        let waits = Histogram::new_with_bounds(1, LONGEST, 3)
            .expect("the bounds are far apart, and three digits are allowed");
        Self {
            calls: 0,
            answered: 0,
            cut: 0,
            failed: 0,
            hits: 0,
            coalesced: 0,
            misses: 0,
            attempts: 0,
            by_route: vec![0; routes.len()],
            baseline: Paid::default(),
            paid: Paid::default(),
            paid_in_vain: Usd::ZERO,
            paid_outside: Usd::ZERO,
            paid_judging: Usd::ZERO,
            hedges: 0,
            paid_racing: Usd::ZERO,
            saved_by_cache: Usd::ZERO,
            saved_by_router: Usd::ZERO,
            saved_by_cascade: Usd::ZERO,
            saved_besides: Usd::ZERO,
            known: 0,
            known_baseline: Usd::ZERO,
            known_paid: Usd::ZERO,
            unknown_savings: 0,
            judged_quality: 0,
            quality: 0.0,
            quality_squares: 0.0,
            quality_first: 0.0,
            quality_baseline: 0.0,
            quality_known: 0,
            quality_both: 0.0,
            latency: waits.clone(),
            first_tokens: waits,
            resamples: None,
            baseline_at: baseline,
            prices,
            routes: routes.iter().map(|(name, _)| name.clone()).collect(),
            models: routes.iter().map(|(_, model)| model.clone()).collect(),
        }
    }

    /// With [intervals](Self::kept_interval) by resamples of questions, which take about a microsecond a call and 8 kB.
    #[must_use]
    pub fn resampled(mut self) -> Self {
        self.resamples = Some(Box::new(Resamples::new()));
        self
    }

    /// Counts one call.
    pub fn add(&mut self, ended: &Ended<'_>) {
        let (question, report) = (&*ended.arrival.question, ended.report);
        self.calls += 1;
        self.attempts += report.attempts.len() as u64;
        let paid = report.paid();
        self.paid = self.paid.merge(paid);
        let millis = u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX);
        self.latency.saturating_record(millis);
        if let Some(time) = ended.first_token {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.first_tokens.saturating_record(millis);
        }
        let of = |purpose| {
            report
                .attempts
                .iter()
                .filter(move |of| of.purpose == purpose)
        };
        self.hedges += of(Purpose::Hedge).count() as u64;
        self.paid_judging += of(Purpose::Judge).filter_map(|of| of.cost).sum::<Usd>();
        let status = report.cache.as_ref().map(|note| note.status);
        self.misses += u64::from(status == Some(CacheStatus::Miss));
        let answer = match ended.result {
            Ok(answer) => answer,
            Err(error) => {
                let is_time =
                    error.kind() == ErrorKind::Timeout && error.find::<Elapsed>().is_some();
                self.cut += u64::from(is_time);
                self.failed += u64::from(!is_time);
                self.paid_in_vain += paid.known;
                return;
            }
        };
        let is_hit = status.is_some_and(CacheStatus::is_hit);
        self.hits += u64::from(is_hit);
        self.coalesced += u64::from(status == Some(CacheStatus::Coalesced));
        self.answered += 1;
        let baseline = self.at_baseline(ended);
        self.baseline = self.baseline.merge(Paid::from(baseline));
        let route = report.chosen().and_then(|attempt| attempt.route.as_ref());
        if let Some(at) = route.and_then(|route| self.routes.iter().position(|name| name == route))
        {
            self.by_route[at] += 1;
        }
        let is_cascade = ended.judged || is_cascade(ended);
        let lost = self.lost(ended);
        self.paid_racing += lost.known;
        let exact = (paid.unknown == lost.count).then(|| paid.known + lost.known);
        let by_route = || {
            let chosen = report.chosen()?;
            Some(chosen.cost_with(report.baseline.as_ref()?)? - exact?)
        };
        let counted = match (is_hit, report.baseline.is_some()) {
            (true, _) => report.saved_by_cache(),
            (false, true) => by_route(),
            (false, false) => Some(Usd::ZERO),
        };
        let saved = counted.unwrap_or_default();
        self.unknown_savings += u64::from(counted.is_none());
        *match (is_hit, is_cascade) {
            (true, _) => &mut self.saved_by_cache,
            (false, true) => &mut self.saved_by_cascade,
            (false, false) => &mut self.saved_by_router,
        } += saved;
        if let (Some(baseline), Some(paid)) = (baseline, exact) {
            self.known += 1;
            self.known_baseline += baseline;
            self.known_paid += paid;
            self.saved_besides += baseline - paid - saved;
        }
        if let Some(quality) = answer.quality() {
            self.judged_quality += 1;
            self.quality += f64::from(quality);
            self.quality_squares += f64::from(quality).powi(2);
            let of = |at: usize| question.outcomes.get(at).and_then(|of| of.quality);
            let ends = of(0).zip(of(self.baseline_at));
            if let Some(resamples) = &mut self.resamples {
                let ends = ends.map(|(first, baseline)| (first.into(), baseline.into()));
                resamples.add(question.key, quality.into(), ends);
            }
            if let Some((first, baseline)) = ends {
                self.quality_known += 1;
                self.quality_both += f64::from(quality);
                self.quality_first += f64::from(first);
                self.quality_baseline += f64::from(baseline);
            }
        }
    }

    /// What the call would have cost at the baseline, by what that route makes of it.
    fn at_baseline(&self, ended: &Ended<'_>) -> Option<Usd> {
        let question = &*ended.arrival.question;
        let (outcome, route, model) = match question.outcomes.get(self.baseline_at) {
            Some(outcome) => (
                outcome,
                Some(&*self.routes[self.baseline_at]),
                &self.models[self.baseline_at],
            ),
            None => (question.unrouted.as_ref()?, None, &question.model),
        };
        let answered = outcome.model.as_ref();
        let of = |model: &str| self.prices.cost(route, model, &outcome.usage?);
        answered.and_then(|model| of(model)).or_else(|| of(model))
    }

    /// What attempts would have cost that lost against another one, had they come to their end.
    fn lost(&self, ended: &Ended<'_>) -> Lost {
        let attempts = &ended.report.attempts;
        let mut lost = Lost::default();
        if !attempts.iter().any(|of| of.purpose == Purpose::Hedge) {
            return lost;
        }
        for of in attempts {
            let is_lost = of.outcome == Some(Outcome::Cancelled) && of.cost.is_none();
            let at = self
                .routes
                .iter()
                .position(|name| Some(name) == of.route.as_ref());
            let outcome = at.and_then(|at| ended.arrival.question.outcomes.get(at));
            let usage = outcome.filter(|_| is_lost).and_then(|of| of.usage);
            let price = |usage| self.prices.cost(of.route.as_deref(), &of.asked, &usage);
            if let Some(cost) = usage.and_then(price) {
                lost.known += cost;
                lost.count += 1;
            }
        }
        lost
    }

    /// Adds what was seen of all attempts, when the replay is over.
    pub fn settle(&mut self, seen: &Seen) {
        self.paid_outside = seen.paid.known - self.paid.known;
    }
}

fn is_cascade(ended: &Ended<'_>) -> bool {
    let decisions = &ended.report.decisions;
    decisions.iter().any(|of| of.reason == "cascade")
}
