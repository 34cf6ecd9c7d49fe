//! The layers that are replayed through.
use std::sync::Arc;

use obs_cache::{BoxStore, CacheLayer};
use obs_core::{AttemptLayer, Call, Error, PriceTable};
use obs_router::{Judge, NoJudge, Policy, RouterLayer};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tower::{Layer, util::BoxCloneSyncService};

use crate::{Answer, Ask, VirtualTime, upstream::Upstream};

/// The stack, its type hidden.
pub(crate) type Stack = BoxCloneSyncService<Call<Ask>, Answer, Error>;

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
    /// Bounds each attempt.
    pub attempt: Option<AttemptTimeoutLayer>,
    /// What tokens cost.
    pub prices: PriceTable,
    /// Names of the routes, in the order of [`Question::outcomes`](crate::Question::outcomes).
    pub routes: Vec<Arc<str>>,
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
        if let Some(layer) = &self.attempt {
            stack = Stack::new(layer.layer(stack));
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
