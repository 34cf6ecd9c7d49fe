//! The policies that stand against each other.
use std::sync::Arc;

use obs_core::{Call, CallContext, Commit, LlmRequest, PriceTable, Usd};
use obs_learn::{Goal, Model, Outcomes, pieces};
use obs_router::{
    Complexity, Decision, Discernment, ExpectedCost, Forecast, Judge, Policy, Reason, Route,
    Target, Verdict,
};

use crate::{Answer, Ask, ModelledJudge, rng::unit};

/// Who decides which calls go to the strong model, with a threshold for each fold: no prompt is decided by what was learned, or set,
/// in its sight.
#[derive(Clone, Debug)]
pub(crate) struct Deciding {
    pub(crate) by: By,
    pub(crate) thresholds: Arc<[f32]>,
    pub(crate) folds: Arc<[u32]>,
}

#[derive(Clone, Debug)]
pub(crate) enum By {
    Premium,
    Cheap,
    Chance,
    Length,
    Complexity,
    /// As the rules decide by themselves.
    Rules,
    Learned(Arc<[Arc<Model>]>),
    /// Money decides, by what the models foresee, what a good answer is worth, and how well the judge discerns.
    Expected(Arc<[Arc<Model>]>, Usd, Discernment),
}

/// One run of a policy: some learn in traffic, and every run begins anew.
pub(crate) enum Run {
    Plain(Deciding),
    Expected(ExpectedCost<Foreseen>),
}

/// What the models foresee of both routes.
pub(crate) struct Foreseen {
    models: Arc<[Arc<Model>]>,
    folds: Arc<[u32]>,
}

/// A judge where there is one, and who is spared it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cascade {
    pub(crate) judge: Option<ModelledJudge>,
}

impl Deciding {
    pub(crate) fn always(by: By) -> Self {
        Self {
            by,
            thresholds: [].into(),
            folds: [].into(),
        }
    }

    /// For one run, on these routes at these prices.
    pub(crate) fn run(&self, routes: &[Route], prices: &PriceTable) -> Run {
        match &self.by {
            By::Expected(models, worth, judge) => {
                let foreseen = Foreseen {
                    models: models.clone(),
                    folds: self.folds.clone(),
                };
                let policy = ExpectedCost::new(routes, prices.clone(), foreseen, *worth);
                Run::Expected(policy.judged(*judge))
            }
            _ => Run::Plain(self.clone()),
        }
    }

    /// How much a call is for the strong model.
    pub(super) fn score(&self, ask: &Ask, fold: usize) -> f32 {
        let question = ask.question();
        match &self.by {
            By::Premium => 1.0,
            By::Cheap | By::Rules | By::Expected(..) => 0.0,
            By::Chance => 1.0 - unit(0x00c0_ffee, question.key) as f32,
            By::Length => question
                .prompt
                .iter()
                .map(|(_, of)| of.len())
                .sum::<usize>() as f32,
            By::Complexity => Complexity::new().assess(ask).score(),
            By::Learned(models) => gain(&models[fold], ask),
        }
    }

    fn is_premium(&self, ask: &Ask) -> bool {
        let Some(&fold) = self.folds.get(ask.question().place) else {
            return self.score(ask, 0) >= 0.5;
        };
        self.score(ask, fold as usize) >= self.thresholds[fold as usize]
    }
}

impl Policy<Ask> for Deciding {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        if matches!(self.by, By::Rules) {
            return Complexity::new().decide(ask, context);
        }
        let reason = match self.by {
            By::Learned(_) => Reason::Learned,
            _ => Reason::Caller,
        };
        match self.is_premium(ask) {
            true => Decision::new(Target::Last, reason),
            false => Decision::new(Target::First, reason),
        }
    }
}

impl Policy<Ask> for Run {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        match self {
            Self::Plain(of) => of.decide(ask, context),
            Self::Expected(of) => of.decide(ask, context),
        }
    }
}

impl Forecast<Ask> for Foreseen {
    fn qualities(&self, ask: &Ask, _: &CallContext, routes: &mut [f32]) {
        let model = &self.models[self.folds[ask.question().place] as usize];
        let best = model.header().trained.premium as f32;
        if let [weak, strong] = routes {
            (*weak, *strong) = (best - gain(model, ask), best);
        }
    }
}

impl Judge<Ask, Answer> for Cascade {
    const COMMIT: Commit = Commit::Complete;

    type Future = std::future::Ready<Verdict>;

    fn judge(&self, call: &Call<Ask>, answer: &Answer) -> Self::Future {
        match &self.judge {
            Some(judge) => judge.judge(call, answer),
            None => std::future::ready(Verdict::Accept),
        }
    }
}

/// How probable it is that the weak answer fails and the strong one does not.
fn gain(model: &Model, ask: &Ask) -> f32 {
    let prompt = pieces(|visit| ask.visit_prompt(visit));
    model.read(ask.question().group.as_deref(), &prompt).gain()
}

/// The threshold that grants a goal on these rows, with scores of which a higher one is for the strong model.
pub(crate) fn threshold(scores: &[f32], deltas: &[f32], goal: Goal) -> f32 {
    let share = match goal {
        Goal::Share(share) => share,
        Goal::Recovered(part) => Outcomes::independent(deltas.to_vec())
            .curve(scores)
            .share_for(part),
    };
    if share <= 0.0 {
        return f32::MAX;
    }
    let mut falling = scores.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let at = (share * falling.len() as f64).ceil() as usize;
    falling.get(at.max(1) - 1).copied().unwrap_or(f32::MIN)
}
