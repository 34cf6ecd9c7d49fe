//! Second attempts: who wins, who pays, and what they may cost.
mod budget;
mod contract;
mod metrics;
mod races;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use obs_core::{AttemptLayer, Attempts, Call, Error, Journal, Outcome, Price, PriceTable, Purpose};
use obs_metrics::Metrics;
use obs_timeout::{Hedge, HedgeLayer};
use tokio::time::sleep;
use tower::{Layer, Service, util::BoxCloneSyncService};

use crate::common::{Ask, Reply};

/// After which time an attempt answers, and what.
type Step = (u64, fn() -> Result<Reply, Error>);

/// A model that does one step for each attempt, and counts the attempts that are under way.
#[derive(Clone, Default)]
struct Model {
    steps: Arc<Mutex<VecDeque<Step>>>,
    under_way: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Model {
    fn new<const N: usize>(steps: [Step; N]) -> Self {
        let model = Self::default();
        model.script(steps);
        model
    }

    fn script<const N: usize>(&self, steps: [Step; N]) {
        self.steps.lock().unwrap().extend(steps);
    }

    /// Priced: a question at 100 tokens a microdollar, all in all $0.00012 for each answer that tells its usage.
    fn under(&self, hedge: &HedgeLayer) -> BoxCloneSyncService<Call<Ask>, Reply, Error> {
        BoxCloneSyncService::new(self.attempts_under(hedge))
    }

    fn attempts_under(&self, hedge: &HedgeLayer) -> Hedge<Attempts<Self>> {
        let price = Price::per_million("1", "2").expect("a price");
        let layer = AttemptLayer::new(PriceTable::new().with_model("m", price));
        hedge.layer(layer.layer(self.clone()))
    }

    fn under_way(&self) -> usize {
        self.under_way.load(SeqCst)
    }

    fn made(&self) -> usize {
        self.made.load(SeqCst)
    }
}

impl Service<Ask> for Model {
    type Response = Reply;
    type Error = Error;
    type Future = futures_util::future::BoxFuture<'static, Result<Reply, Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        let step = self.steps.lock().unwrap().pop_front();
        let (ms, reply) = step.expect("another attempt than was thought of");
        self.made.fetch_add(1, SeqCst);
        self.under_way.fetch_add(1, SeqCst);
        let guard = UnderWay(self.under_way.clone());
        Box::pin(async move {
            let _guard = guard;
            sleep(Duration::from_millis(ms)).await;
            reply()
        })
    }
}

fn quiet(after: Duration) -> HedgeLayer {
    HedgeLayer::new(after).metrics(&Metrics::disabled())
}

/// How the attempts of a call ended, in the order in which they were made.
fn attempts(journal: &Journal) -> Vec<(Purpose, Option<Outcome>)> {
    let report = journal.read();
    report
        .attempts
        .iter()
        .map(|of| (of.purpose, of.outcome))
        .collect()
}
