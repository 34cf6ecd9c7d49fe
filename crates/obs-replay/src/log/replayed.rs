//! What a log comes to.
use obs_core::{PriceTable, Usd};
use obs_router::{Judge, Policy};
use serde::Serialize;

use super::{Judged, LogError, Survey, arrivals::Arrivals};
use crate::{Answer, Ask, Ended, Layers, Simulation, Totals};

/// Moments of the picture over time.
const MOMENTS: u64 = 120;

/// What the calls of a log come to under some layers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Replayed {
    /// All calls.
    pub calls: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that timeouts cut.
    pub cut: u64,
    /// Those that failed otherwise.
    pub failed: u64,
    /// Answered from the cache, or by another's call.
    pub hits: u64,
    /// Of the hits: by another's call.
    pub coalesced: u64,
    /// Hits among hits and misses.
    pub hit_rate: Option<f64>,
    /// Requests that models got.
    pub attempts: u64,
    /// What it would have cost at the baseline route, and the rest of these figures, where both are known: of so many calls.
    pub known: u64,
    /// What those would have cost at the baseline route.
    pub baseline: Usd,
    /// What those cost, and what was paid in vain for calls that failed, and outside of calls.
    pub paid: Usd,
    /// Of that: for calls that were not answered.
    pub paid_in_vain: Usd,
    /// And outside of calls: refreshes, shared calls that everybody had left.
    pub paid_outside: Usd,
    /// Of what was paid: what judges asked for, to compare answers.
    pub paid_judging: Usd,
    /// Of what was paid: for attempts that lost against another one, which are taken to be billed whole.
    pub paid_racing: Usd,
    /// Saved by the cache.
    pub saved_by_cache: Usd,
    /// Saved by the router, where no judge was asked. Below zero for a loss.
    pub saved_by_router: Usd,
    /// Saved by the router, where a judge was asked. Below zero for a loss.
    pub saved_by_cascade: Usd,
    /// Saved, and in no layer's account: see [`Totals::saved_besides`].
    pub saved_besides: Usd,
    /// The part of the baseline that was not paid.
    pub saving: Option<f64>,
    /// How good the answers were, as far as verdicts tell.
    pub quality: Option<Quality>,
    /// Answers by route; hits are not among them.
    pub by_route: Vec<ByRoute>,
    /// Waiting in milliseconds: the median.
    pub p50_ms: u64,
    /// The 90th percentile.
    pub p90_ms: u64,
    /// The 99th.
    pub p99_ms: u64,
    /// Waiting for the first token of streams in milliseconds: the median, the 90th percentile and the 99th.
    pub first_token_ms: Option<[u64; 3]>,
    /// Second attempts, where there are any; for whoever made the layers to set.
    pub hedged: Option<Hedged>,
    /// What judges did, where there are any; for whoever made the layers to set.
    pub judged: Option<Judged>,
    /// Sums so far, at moments from the first call to the last.
    pub over_time: Vec<Moment>,
}

/// How good answers were, of which it is known.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quality {
    /// The mean, from 0 to 1.
    pub mean: f64,
    /// The 95 % interval around it.
    pub low: f64,
    /// Its other end.
    pub high: f64,
    /// Of so many calls.
    pub known: u64,
    /// The part of the gap between first route and baseline that is kept, of the calls of which both are known.
    pub kept: Option<f64>,
    /// The 95 % interval around that, by resamples of questions. `None`: of fewer than 20 calls, or the gap cannot be told from none.
    pub kept_interval: Option<(f64, f64)>,
    /// Of so many.
    pub kept_known: u64,
}

/// Second attempts.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Hedged {
    /// Those that were made.
    pub made: u64,
    /// Those whose answer was given out.
    pub won: u64,
    /// Those that were due and not made, for want of room or money or time.
    pub refused: u64,
}

/// Answers of a route.
#[derive(Clone, Debug, Serialize)]
pub struct ByRoute {
    /// Its name.
    pub route: String,
    /// How many.
    pub answers: u64,
}

/// Sums so far.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    /// Seconds since the first call.
    pub at: f64,
    /// What it would have cost, in dollars.
    pub baseline: f64,
    /// What it cost, in dollars.
    pub paid: f64,
}

impl Survey {
    /// Replays the calls through these layers. `baseline` is the place of the route that savings are measured against, among the
    /// routes of the log; `progress` hears of how many bytes of how many are read.
    ///
    /// # Errors
    /// Where the log cannot be read again.
    pub fn replay<P, J>(
        &self,
        layers: &Layers<P, J>,
        baseline: usize,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Replayed, LogError>
    where
        P: Policy<Ask> + Send + Sync + 'static,
        J: Judge<Ask, Answer> + Send + Sync + 'static,
        J::Future: Send,
    {
        self.replay_heard(layers, baseline, progress, &mut |_| ())
    }

    /// The same, where `heard` is told of each call when it has ended.
    ///
    /// # Errors
    /// As with [`replay`](Self::replay).
    pub fn replay_heard<P, J>(
        &self,
        layers: &Layers<P, J>,
        baseline: usize,
        progress: &mut dyn FnMut(u64, u64),
        heard: &mut dyn FnMut(&Ended<'_>),
    ) -> Result<Replayed, LogError>
    where
        P: Policy<Ask> + Send + Sync + 'static,
        J: Judge<Ask, Answer> + Send + Sync + 'static,
        J::Future: Send,
    {
        let mut totals = self.totals(baseline, layers.prices.clone());
        let every = (self.facts.span_ms / MOMENTS).max(1);
        let mut over_time: Vec<Moment> = Vec::new();
        let arrivals = Arrivals::new(self, progress)?;
        let seen = Simulation::new(layers).run(arrivals, |ended| {
            heard(&ended);
            totals.add(&ended);
            let ended_at = ended.arrival.at + ended.took;
            let due = (over_time.len() as u64 + 1) * every;
            if ended_at.as_millis() >= u128::from(due) && over_time.len() < MOMENTS as usize {
                over_time.push(moment(&totals, ended_at.as_secs_f64()));
            }
        })?;
        totals.settle(&seen);
        over_time.push(moment(&totals, self.facts.span_ms as f64 / 1e3));
        Ok(self.sum(&totals, over_time))
    }

    fn totals(&self, baseline: usize, prices: PriceTable) -> Totals {
        Totals::new(&self.log.routes, baseline, prices).resampled()
    }

    fn sum(&self, of: &Totals, over_time: Vec<Moment>) -> Replayed {
        let millis = |part| u64::try_from(of.latency(part).as_millis()).unwrap_or(u64::MAX);
        let first_token = |part| {
            let time = of.first_token(part)?;
            u64::try_from(time.as_millis()).ok()
        };
        let first_tokens = [0.5, 0.9, 0.99].map(first_token);
        let quality = of.mean_quality().zip(of.quality_interval());
        let names = self.log.routes.iter().zip(&of.by_route);
        let by_route = names.map(|((name, _), answers)| ByRoute {
            route: name.as_ref().to_owned(),
            answers: *answers,
        });
        Replayed {
            calls: of.calls,
            answered: of.answered,
            cut: of.cut,
            failed: of.failed,
            hits: of.hits,
            coalesced: of.coalesced,
            hit_rate: of.hit_rate(),
            attempts: of.attempts,
            known: of.known,
            baseline: of.known_baseline,
            paid: of.all_paid(),
            paid_in_vain: of.paid_in_vain,
            paid_outside: of.paid_outside,
            paid_judging: of.paid_judging,
            paid_racing: of.paid_racing,
            saved_by_cache: of.saved_by_cache,
            saved_by_router: of.saved_by_router,
            saved_by_cascade: of.saved_by_cascade,
            saved_besides: of.saved_besides,
            saving: of.saving(),
            quality: quality.map(|(mean, (low, high))| Quality {
                mean,
                low,
                high,
                known: of.judged_quality,
                kept: of.quality_kept(),
                kept_interval: of.kept_interval(),
                kept_known: of.quality_known,
            }),
            by_route: by_route.collect(),
            p50_ms: millis(0.5),
            p90_ms: millis(0.9),
            p99_ms: millis(0.99),
            first_token_ms: match first_tokens {
                [Some(half), Some(most), Some(nearly_all)] => Some([half, most, nearly_all]),
                _ => None,
            },
            hedged: None,
            judged: None,
            over_time,
        }
    }
}

fn moment(of: &Totals, at: f64) -> Moment {
    Moment {
        at,
        baseline: of.known_baseline.as_dollars_f64(),
        paid: of.all_paid().as_dollars_f64(),
    }
}
