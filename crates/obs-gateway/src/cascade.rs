//! Cheap answers that somebody looks at.
use std::sync::Arc;

use obs_core::{Call, Error, LlmRequest, LlmResponse};
use obs_router::{
    AllOf, Both, Check, Checked, Consistency, Parses, Policy, Refusals, RouterLayer, Seen,
};
use tower::{Layer, util::BoxCloneSyncService};

use crate::settings::Judging;

/// The judges of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Cascade {
    checks: Option<Arc<AllOf>>,
    /// The same question is asked twice.
    asks_again: bool,
}

impl Cascade {
    /// `None`: nobody judges.
    pub(crate) fn new(judges: &[Judging]) -> Option<Self> {
        if judges.is_empty() {
            return None;
        }
        let mut checks = AllOf::new();
        for judge in judges {
            checks = match judge {
                Judging::Refusal => checks.and(Refusals::new()),
                Judging::Cut => checks.and(cut),
                Judging::Json => checks.and(Parses::json()),
                Judging::Consistency => checks,
            };
        }
        Some(Self {
            checks: (!checks.is_empty()).then(|| Arc::new(checks)),
            asks_again: judges.contains(&Judging::Consistency),
        })
    }

    /// The router with its judges, around what it calls.
    pub(crate) fn layer<R, Res, P>(
        &self,
        router: &RouterLayer<P>,
        inner: BoxCloneSyncService<Call<R>, Res, Error>,
    ) -> BoxCloneSyncService<Call<R>, Res, Error>
    where
        R: LlmRequest + Clone + Send + Sync + 'static,
        Res: LlmResponse + Send + 'static,
        P: Policy<R> + Send + Sync + 'static,
    {
        let checks = self.checks.clone();
        let checked = checks.map(|checks| Checked::new(move |seen: &Seen| checks.accepts(seen)));
        let again = self.asks_again.then(|| Consistency::new(inner.clone()));
        match (checked, again) {
            (Some(checked), Some(again)) => {
                let judge = Both::new(checked, again);
                BoxCloneSyncService::new(router.judged_by(judge).layer(inner))
            }
            (Some(checked), None) => {
                BoxCloneSyncService::new(router.judged_by(checked).layer(inner))
            }
            (None, Some(again)) => BoxCloneSyncService::new(router.judged_by(again).layer(inner)),
            (None, None) => BoxCloneSyncService::new(router.layer(inner)),
        }
    }
}

/// Whether an answer was not cut by a limit of tokens.
fn cut(answer: &Seen) -> bool {
    answer.finish != Some(obs_core::Finish::Length)
}
