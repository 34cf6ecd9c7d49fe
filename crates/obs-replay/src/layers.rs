//! The layers that are replayed through.
use std::sync::Arc;

use obs_cache::{BoxStore, CacheLayer};
use obs_core::{AttemptLayer, PriceTable};
use obs_router::{Judge, NoJudge, Policy, RouterLayer};
use obs_timeout::TimeoutLayer;
use tower::Layer;

use crate::{Answer, Around, Ask, Stack, VirtualTime, upstream::Upstream};

/// The layers that are replayed through, the real ones. Keep clones of those whose `stats()` you want to see.
#[derive(Clone, Debug)]
pub struct Layers<P, J = NoJudge> {
    /// The wall time that the cache was given.
    pub time: VirtualTime,
    /// Bounds the whole call.
    pub timeout: Option<TimeoutLayer>,
    /// Keeps answers. Its clock is that of `time`.
    pub cache: Option<CacheLayer<BoxStore>>,
    /// Chooses routes.
    pub router: Option<RouterLayer<P, J>>,
    /// What is around each attempt, inside of the router: limits, hedges.
    pub attempt: Option<Around>,
    /// What tokens cost.
    pub prices: PriceTable,
    /// Names of the routes, in the order of [`Question::outcomes`](crate::Question::outcomes).
    pub routes: Vec<Arc<str>>,
}

impl<P, J> Layers<P, J> {
    /// The same, with a judge of answers.
    #[must_use]
    pub fn judge<K>(self, judge: K) -> Layers<P, K> {
        Layers {
            time: self.time,
            timeout: self.timeout,
            cache: self.cache,
            router: self.router.map(|router| router.judge(judge)),
            attempt: self.attempt,
            prices: self.prices,
            routes: self.routes,
        }
    }
}

impl<P, J> Layers<P, J>
where
    P: Policy<Ask> + Send + Sync + 'static,
    J: Judge<Ask, Answer> + Send + Sync + 'static,
    J::Future: Send,
{
    /// In the order that the gateway has.
    pub(crate) fn stack(&self) -> Stack {
        let upstream = Upstream::new(self.routes.iter().cloned().collect());
        let attempts = AttemptLayer::new(self.prices.clone()).enveloped();
        let mut stack = Stack::new(attempts.layer(upstream));
        if let Some(around) = &self.attempt {
            stack = around.layer(stack);
        }
        if let Some(layer) = &self.router {
            stack = Stack::new(layer.layer(stack));
        }
        if let Some(layer) = &self.cache {
            stack = Stack::new(layer.layer(stack));
        }
        if let Some(layer) = &self.timeout {
            stack = Stack::new(layer.layer(stack));
        }
        stack
    }
}
