//! The layers of one interface, around what asks its providers.
use obs_apm::ApmLayer;
use obs_cache::{BoxStore, CacheLayer};
use obs_core::{AttemptLayer, Call, Enveloped, Error, LlmRequest, LlmResponse, Replay};
use obs_router::{ContinueLayer, ShadowLayer};
use obs_timeout::{HedgeLayer, TimeoutLayer};
use obs_wire::Ask;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use super::Textual;
use crate::{
    api::Api, boxed::Stack, build_error::BuildError, cascade::Cascade, comparing::Grader,
    limits::LimitsLayer, outcomes::Outcomes, routing::Routing, settings::Settings,
    spending::Spending,
};

/// Those of one interface share what they can with those of the other.
#[derive(Clone)]
pub(super) struct Layers {
    pub(super) api: Api,
    pub(super) apm: ApmLayer,
    pub(super) timeout: TimeoutLayer,
    pub(super) cache: Option<CacheLayer<BoxStore>>,
    pub(super) router: Option<Routing>,
    pub(super) cascade: Option<Cascade>,
    pub(super) shadow: Option<ShadowLayer<Grader>>,
    pub(super) spending: Spending,
    /// Whether a route goes on with streams that break off.
    pub(super) goes_on: bool,
    pub(super) hedge: Option<HedgeLayer>,
    pub(super) limits: LimitsLayer,
    pub(super) attempts: AttemptLayer<Enveloped>,
}

impl Layers {
    /// Those of the other interface. What depends on who answers is made anew where not all providers speak the same.
    pub(super) fn other(
        &self,
        settings: &Settings,
        made: impl FnOnce(Api) -> Result<(ApmLayer, Option<Routing>), BuildError>,
    ) -> Result<Self, BuildError> {
        let mut other = self.clone();
        other.api = match self.api {
            Api::OpenAi => Api::Anthropic,
            Api::Anthropic => Api::OpenAi,
        };
        other.limits = self.limits.speaking(other.api);
        if !are_one(settings) {
            (other.apm, other.router) = made(other.api)?;
            // Comparisons are of the routes of one interface.
            other.shadow = None;
        }
        Ok(other)
    }

    /// All layers around what asks these providers.
    pub(super) fn textual<R, S>(
        &self,
        providers: S,
        outcomes: &Outcomes,
        format: &'static str,
    ) -> Textual<R>
    where
        R: Ask<Answer: Replay>,
        S: Service<Call<R>, Response = R::Answer, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Textual {
            all: outcomes.around(format, self.around(providers.clone())),
            bound: outcomes.around(format, self.bound(providers)),
        }
    }

    fn bound<R, Res, S>(&self, providers: S) -> Stack<R, Res>
    where
        R: LlmRequest + Clone + Send + Sync + 'static,
        Res: LlmResponse + Send + 'static,
        S: Service<Call<R>, Response = Res, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let spans = self.apm.attempt_spans();
        let attempts = spans.layer(self.attempts.layer(providers));
        let attempts = self.paid(BoxCloneSyncService::new(self.limits.layer(attempts)));
        BoxCloneSyncService::new(self.apm.layer(self.timeout.layer(attempts)))
    }

    /// Where something bounds what is spent, calls are charged.
    fn paid<R: 'static, Res: 'static>(&self, inner: Stack<R, Res>) -> Stack<R, Res> {
        if !self.spending.is_bounded() {
            return inner;
        }
        let spending = self.spending.clone();
        let charged = move |call: Call<R>| {
            spending.charge(&call);
            call
        };
        BoxCloneSyncService::new(inner.map_request(charged))
    }

    pub(super) fn around<R, Res, S>(&self, providers: S) -> Stack<R, Res>
    where
        R: LlmRequest + Clone + Send + Sync + 'static,
        Res: Replay + 'static,
        S: Service<Call<R>, Response = Res, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let spans = self.apm.attempt_spans();
        let attempts = spans.layer(self.attempts.layer(providers));
        let attempts = self.limits.layer(attempts);
        let hedged = match &self.hedge {
            Some(hedge) => BoxCloneSyncService::new(hedge.layer(attempts)),
            None => BoxCloneSyncService::new(attempts),
        };
        let compared = match &self.shadow {
            Some(shadow) => BoxCloneSyncService::new(shadow.layer(hedged)),
            None => hedged,
        };
        let routed = match (&self.router, &self.cascade) {
            (Some(router), Some(cascade)) => cascade.layer(router, compared),
            (Some(router), None) => BoxCloneSyncService::new(router.layer(compared)),
            (None, _) => compared,
        };
        let routed = match self.goes_on {
            true => BoxCloneSyncService::new(ContinueLayer::new().layer(routed)),
            false => routed,
        };
        let cached = match &self.cache {
            Some(cache) => BoxCloneSyncService::new(cache.layer(routed)),
            None => routed,
        };
        let paid = self.paid(cached);
        BoxCloneSyncService::new(self.apm.layer(self.timeout.layer(paid)))
    }
}

/// Whether all providers speak the same.
pub(super) fn are_one(settings: &Settings) -> bool {
    let formats = || settings.providers.iter().map(|provider| provider.format);
    let by_all = |api: Api| formats().all(|format| api.is_spoken(format));
    let by_none = |api: Api| !formats().any(|format| api.is_spoken(format));
    let [one, other] = Api::ALL;
    by_none(one) || by_none(other) || (by_all(one) && by_all(other))
}
