//! Cheap answers that somebody looks at.
use std::{future, sync::Arc};

use futures_util::future::Either;
use obs_core::{BoxError, Call, Commit, Error, LlmRequest, LlmResponse};
use obs_router::{
    AllOf, AskedSchema, Check, Consistency, ConsistencyFuture, Judge, Margin, Parses, Policy,
    Refusals, RouterLayer, Seen, Verdict,
};
use tower::{Layer, Service, util::BoxCloneSyncService};

use crate::settings::Judging;

/// The judges of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Cascade {
    checks: Option<Arc<AllOf>>,
    schemas: Option<AskedSchema>,
    /// The same question is asked twice.
    asks_again: bool,
}

/// Those of one endpoint. What costs least comes first.
struct Judges<S> {
    cascade: Cascade,
    again: Option<Consistency<S>>,
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
                Judging::Margin(least) => checks.and(Margin::at_least(*least)),
                Judging::Schema | Judging::Consistency => checks,
            };
        }
        let has = |judge| judges.contains(&judge);
        Some(Self {
            checks: (!checks.is_empty()).then(|| Arc::new(checks)),
            schemas: has(Judging::Schema).then(AskedSchema::new),
            asks_again: has(Judging::Consistency),
        })
    }

    /// Those who need no second answer, and nothing of the request.
    pub(crate) const fn checks(&self) -> Option<&Arc<AllOf>> {
        self.checks.as_ref()
    }

    /// Whether the same question is asked twice.
    pub(crate) const fn asks_again(&self) -> bool {
        self.asks_again
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
        let judges = Judges {
            cascade: self.clone(),
            again: self.asks_again.then(|| Consistency::new(inner.clone())),
        };
        BoxCloneSyncService::new(router.judged_by(judges).layer(inner))
    }

    /// Whether those accept it who need no second answer.
    fn accepts<R: LlmRequest>(&self, request: &R, answer: &Seen) -> bool {
        let checked = self.checks.as_ref();
        let asked = self.schemas.as_ref();
        checked.is_none_or(|checks| checks.accepts(answer))
            && asked.is_none_or(|schemas| schemas.accepts(request, answer))
    }
}

impl<S, R, Res> Judge<R, Res> for Judges<S>
where
    R: LlmRequest + Clone + Send + 'static,
    Res: LlmResponse + Send + 'static,
    S: Service<Call<R>, Response = Res> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    const COMMIT: Commit = Commit::Complete;

    type Future = Either<future::Ready<Verdict>, ConsistencyFuture>;

    /// Where only a schema could speak against an answer, one is held back only if a schema is asked for.
    fn commit(&self, call: &Call<R>) -> Commit {
        let sees_all = self.cascade.checks.is_some() || self.again.is_some();
        match sees_all || call.request.answer_schema().is_some() {
            true => Commit::Complete,
            false => Commit::Head,
        }
    }

    fn judge(&self, call: &Call<R>, answer: &Res) -> Self::Future {
        let seen = Seen::of(answer).filter(|seen| !seen.goes_on);
        let will_do = seen.is_none_or(|seen| self.cascade.accepts(&call.request, &seen));
        match &self.again {
            Some(again) if will_do => Either::Right(again.judge(call, answer)),
            _ => Either::Left(future::ready(Verdict::of(will_do))),
        }
    }
}

/// Whether an answer was not cut by a limit of tokens.
fn cut(answer: &Seen) -> bool {
    answer.finish != Some(obs_core::Finish::Length)
}
