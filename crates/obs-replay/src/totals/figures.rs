//! What follows from sums.
use std::time::Duration;

use obs_core::Usd;

use super::Totals;
use crate::wilson::wilson;

impl Totals {
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

    /// The 95 % interval around it: Wilson's, and where questions were [resampled](Self::resampled) no narrower than what they say.
    #[must_use]
    pub fn quality_interval(&self) -> Option<(f64, f64)> {
        let wilson = wilson(self.mean_quality()?, self.judged_quality);
        let resampled = self.resamples.as_ref().and_then(|of| of.mean());
        let (low, high) = resampled.unwrap_or(wilson);
        Some((low.min(wilson.0), high.max(wilson.1)))
    }

    /// The part of the gap in quality between the first route and the baseline that is kept, over the calls of which both are known.
    #[must_use]
    pub fn quality_kept(&self) -> Option<f64> {
        let gap = self.quality_baseline - self.quality_first;
        let kept = (self.quality_both - self.quality_first) / gap;
        kept.is_finite().then_some(kept)
    }

    /// The 95 % interval around that, of resamples of questions. `None`: they were not [resampled](Self::resampled), it is of fewer
    /// than 20 calls, or the gap cannot be told from none.
    #[must_use]
    pub fn kept_interval(&self) -> Option<(f64, f64)> {
        self.resamples.as_ref()?.kept()
    }

    /// How long callers of streams waited for the first token, as [`latency`](Self::latency). `None`: there was no stream.
    #[must_use]
    pub fn first_token(&self, part: f64) -> Option<Duration> {
        let any = !self.first_tokens.is_empty();
        any.then(|| Duration::from_millis(self.first_tokens.value_at_quantile(part)))
    }

    /// How long callers waited: the time within which this part of them had their answer or an error, to three digits.
    #[must_use]
    pub fn latency(&self, part: f64) -> Duration {
        Duration::from_millis(self.latency.value_at_quantile(part))
    }
}
