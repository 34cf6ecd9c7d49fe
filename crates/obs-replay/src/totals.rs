//! What all calls of a replay come to.
use std::time::Duration;

use hdrhistogram::Histogram;
use obs_core::{CacheStatus, Elapsed, ErrorKind, Paid, PriceTable, Usd};

use crate::{Ended, Seen};

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
    baseline_at: usize,
    prices: PriceTable,
    routes: Vec<std::sync::Arc<str>>,
    models: Vec<std::sync::Arc<str>>,
}

impl Totals {
    /// Nothing yet. `routes` are names and models in the order of the outcomes, and `baseline` is the place of one of them.
    #[must_use]
    pub fn new(
        routes: &[(std::sync::Arc<str>, std::sync::Arc<str>)],
        baseline: usize,
        prices: PriceTable,
    ) -> Self {
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
            latency: Histogram::new_with_bounds(1, LONGEST, 3)
                .expect("the bounds are far apart, and three digits are allowed"),
            baseline_at: baseline,
            prices,
            routes: routes.iter().map(|(name, _)| name.clone()).collect(),
            models: routes.iter().map(|(_, model)| model.clone()).collect(),
        }
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
        let counted = match (is_hit, report.baseline.is_some()) {
            (true, _) => report.saved_by_cache(),
            (false, true) => report.saved_by_route(),
            (false, false) => Some(Usd::ZERO),
        };
        let saved = counted.unwrap_or_default();
        self.unknown_savings += u64::from(counted.is_none());
        *match (is_hit, is_cascade) {
            (true, _) => &mut self.saved_by_cache,
            (false, true) => &mut self.saved_by_cascade,
            (false, false) => &mut self.saved_by_router,
        } += saved;
        if let (Some(baseline), Some(paid)) = (baseline, paid.exact()) {
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
            if let (Some(first), Some(baseline)) = (of(0), of(self.baseline_at)) {
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

    /// Adds what was seen of all attempts, when the replay is over.
    pub fn settle(&mut self, seen: &Seen) {
        self.paid_outside = seen.paid.known - self.paid.known;
    }

    /// What was paid for the calls of which all is known, in vain, and outside of calls.
    #[must_use]
    pub fn all_paid(&self) -> Usd {
        self.known_paid + self.paid_in_vain + self.paid_outside
    }

    /// The part of the baseline that was not paid: below zero for a loss. It is of the calls of which both is known, and of what was
    /// paid in vain and outside of calls. `None` where nothing was to be paid.
    #[must_use]
    pub fn saving(&self) -> Option<f64> {
        let baseline = self.known_baseline.as_dollars_f64();
        let paid = self.all_paid().as_dollars_f64();
        (baseline > 0.0).then(|| 1.0 - paid / baseline)
    }

    /// Hits among hits and misses.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }

    /// The share of right answers, or their mean quality.
    #[must_use]
    pub fn mean_quality(&self) -> Option<f64> {
        (self.judged_quality > 0).then(|| self.quality / self.judged_quality as f64)
    }

    /// The 95 % interval around it, by the normal distribution.
    #[must_use]
    pub fn quality_interval(&self) -> Option<(f64, f64)> {
        let mean = self.mean_quality()?;
        let count = self.judged_quality as f64;
        let variance = (self.quality_squares / count - mean * mean).max(0.0);
        let room = 1.96 * (variance / count).sqrt();
        Some(((mean - room).max(0.0), (mean + room).min(1.0)))
    }

    /// The part of the gap in quality between the first route and the baseline that is kept, over the calls of which both are known.
    #[must_use]
    pub fn quality_kept(&self) -> Option<f64> {
        let gap = self.quality_baseline - self.quality_first;
        let kept = (self.quality_both - self.quality_first) / gap;
        kept.is_finite().then_some(kept)
    }

    /// How long callers waited: the time within which this part of them had their answer or an error, to three digits.
    #[must_use]
    pub fn latency(&self, part: f64) -> Duration {
        Duration::from_millis(self.latency.value_at_quantile(part))
    }
}

fn is_cascade(ended: &Ended<'_>) -> bool {
    let decisions = &ended.report.decisions;
    decisions.iter().any(|of| of.reason == "cascade")
}
