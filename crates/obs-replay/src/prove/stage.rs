//! One contender on one mix of calls.
use std::{io, sync::Arc, time::Duration};

use obs_cache::{BoxStore, CacheLayer, Memory};
use obs_core::{Paid, PriceTable, Usd};
use obs_metrics::Metrics;
use obs_router::{Route, RouterLayer};
use obs_timeout::TimeoutLayer;

use super::{
    data::Data,
    rules::{Cascade, Deciding},
    samples::Sums,
    workload::{STRONG, WEAK, arrivals},
};
use crate::{Ended, Layers, Question, Simulation, Totals, VirtualTime};

/// Names of the routes.
const ROUTES: [(&str, &str); 2] = [("cheap", WEAK), ("premium", STRONG)];
/// The limit of a call, and what a late one may take besides.
pub(crate) const LIMIT: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(5)];
/// What the cache holds.
const STORE: u64 = 256 << 20;

/// What all contenders have in common.
pub(crate) struct Stage<'a> {
    pub(crate) data: &'a Data,
    pub(crate) questions: &'a [Arc<Question>],
    /// Of the data set.
    pub(crate) prices: PriceTable,
    /// Of today.
    pub(crate) today: PriceTable,
}

/// Who is tried.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) deciding: Deciding,
    pub(crate) cascade: Cascade,
    /// How long answers are kept; `None`: there is no cache.
    pub(crate) ttl: Option<Duration>,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) totals: Totals,
    /// By prompt.
    pub(crate) sums: Vec<Sums>,
    /// What was paid and would have been at the baseline, by the prices of today.
    pub(crate) today: [Paid; 2],
}

/// A replay of what is in memory fails for want of a thread's runtime alone.
struct NoRuntime(io::Error);

impl From<io::Error> for NoRuntime {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl Stage<'_> {
    pub(crate) fn play(&self, who: &Contender, mix: &[u32]) -> io::Result<Played> {
        let quiet = Metrics::disabled();
        let time = VirtualTime::starting(0);
        let routes = ROUTES.map(|(name, model)| Route::new(name).model(model));
        let policy = who.deciding.run(&routes, &self.prices);
        let router = RouterLayer::new(policy, routes)
            .metrics(&quiet)
            .judge(who.cascade.clone());
        let layers = Layers {
            timeout: Some(TimeoutLayer::new(LIMIT[0]).grace(LIMIT[1]).metrics(&quiet)),
            cache: who.ttl.map(|ttl| {
                CacheLayer::new(BoxStore::new(Memory::new(STORE)))
                    .ttl(ttl)
                    .clock(time.clock())
                    .metrics(&quiet)
            }),
            router: Some(router),
            attempt: None,
            prices: self.prices.clone(),
            routes: ROUTES.map(|(name, _)| name.into()).to_vec(),
            time,
        };
        let names = ROUTES.map(|(name, model)| (name.into(), model.into()));
        let mut played = Played {
            totals: Totals::new(&names, 1, self.prices.clone()),
            sums: vec![Sums::default(); self.questions.len()],
            today: Default::default(),
        };
        let calls = arrivals(self.data, self.questions, mix).map(Ok::<_, NoRuntime>);
        let run = Simulation::new(&layers).run(calls, |ended| self.add(&mut played, &ended));
        let seen = run.map_err(|error| error.0)?;
        played.totals.settle(&seen);
        Ok(played)
    }

    fn add(&self, played: &mut Played, ended: &Ended<'_>) {
        played.totals.add(ended);
        let question = &*ended.arrival.question;
        let Ok(answer) = ended.result else { return };
        let [weak, strong] = [0, 1].map(|route: usize| &question.outcomes[route]);
        let cost = |prices: &PriceTable, route: usize| {
            let usage = question.outcomes[route].usage?;
            prices.cost(Some(ROUTES[route].0), ROUTES[route].1, &usage)
        };
        let paid_today: Paid = ended
            .report
            .attempts
            .iter()
            .map(|attempt| {
                let route = attempt.route.as_deref();
                let at = ROUTES.iter().position(|(name, _)| Some(*name) == route)?;
                cost(&self.today, at)
            })
            .sum();
        let baseline_today = Paid::from(cost(&self.today, 1));
        played.today[0] = played.today[0].merge(paid_today);
        played.today[1] = played.today[1].merge(baseline_today);
        let dollars = |of: Usd| of.as_dollars_f64();
        let sums = &mut played.sums[question.place];
        sums.calls += 1.0;
        sums.quality += f64::from(answer.quality().unwrap_or_default());
        sums.weak += f64::from(weak.quality.unwrap_or_default());
        sums.strong += f64::from(strong.quality.unwrap_or_default());
        sums.paid[0] += dollars(ended.report.paid().known);
        sums.baseline[0] += dollars(cost(&self.prices, 1).unwrap_or_default());
        sums.paid[1] += dollars(paid_today.known);
        sums.baseline[1] += dollars(baseline_today.known);
    }
}
